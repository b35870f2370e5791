"""All routes of the API: those of every folder beside this file that has a `routes` module."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from flask import Blueprint

from app.api.route import Route


def _find_routes() -> tuple[Route, ...]:
    folders = [each.name for each in iter_modules([str(Path(__file__).parent)]) if each.ispkg]
    modules = (import_module(f"app.api.{name}.routes") for name in folders)
    return tuple(route for module in modules for route in module.ROUTES)


ROUTES = _find_routes()


def api_blueprint() -> Blueprint:
    """Every route with its view."""
    blueprint = Blueprint("api", __name__)
    for route in ROUTES:
        rule = re.sub(r"{(\w+)}", r"<path:\1>", route.path)
        blueprint.add_url_rule(
            rule, endpoint=rule.replace(".", "_"), view_func=route.view, methods=[route.method]
        )
    return blueprint
