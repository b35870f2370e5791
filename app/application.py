"""The web application: Flask, its blueprints and what surrounds every request.

Importing it takes half a second and starts nothing: gunicorn's master does it before the fork.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from app.api.responses.item_store import ItemStore
from app.api.routes import api_blueprint
from app.assets import serve_assets
from app.connection.disconnect_watcher import DisconnectWatcher
from app.engine import EngineStatus
from app.generation.text_engine import TextEngine
from app.middleware.access_control import register_access_control
from app.middleware.base_path import BasePath
from app.middleware.error_handlers import register_error_handlers
from app.middleware.health import health_blueprint
from app.middleware.locale import remember_language
from app.middleware.metrics import metrics_blueprint
from app.middleware.path_normalization import PathNormalizer
from app.middleware.request_log import register_request_log
from app.middleware.security_headers import add_security_headers
from app.openapi import openapi_blueprint
from app.playground import playground_blueprint
from config import Config


def build_application(config: Config, engine: EngineStatus, text_engine: TextEngine) -> Flask:
    """See `app.create_app_over`.

    Raises:
        StartupError: the API keys or the pages' files cannot be read.
    """
    app = Flask("app", template_folder="../templates", static_folder=None)
    app.config.from_object(config)
    # PathNormalizer answers "//v1" where a redirect would lose a POST's body.
    app.url_map.merge_slashes = False
    app.extensions["engine"] = engine
    app.extensions["text_engine"] = text_engine
    app.extensions["item_store"] = ItemStore()
    app.extensions["watcher"] = DisconnectWatcher()
    registry = register_request_log(app)
    remember_language(app)
    register_access_control(app)
    register_error_handlers(app)
    add_security_headers(app)
    serve_assets(app, Path(app.root_path).parent / "static")
    app.register_blueprint(api_blueprint())
    app.register_blueprint(health_blueprint())
    app.register_blueprint(metrics_blueprint(registry))
    app.register_blueprint(playground_blueprint())
    app.register_blueprint(openapi_blueprint())
    app.wsgi_app = PathNormalizer(app.wsgi_app)  # type: ignore[assignment,method-assign]
    if base_path := app.config["BASE_PATH"]:
        app.wsgi_app = BasePath(app.wsgi_app, base_path)  # type: ignore[assignment,method-assign]
    return app
