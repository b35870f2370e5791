"""Westlake: one process that loads a LLaMA once and serves it over HTTP.

Importing it loads no model, starts no thread and reads no environment variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.engine import Engine, EngineStatus
    from app.generation.text_engine import TextEngine
    from config import Config


def create_app(config: Config, engine: Engine) -> Flask:
    """The web application around `engine` of this process, loaded or still loading.

    Raises:
        StartupError: the chat template, the API keys or the pages' files cannot be read.
    """
    from app.generation.local_engine import LocalTextEngine
    from app.generation.served_model import served_model

    return create_app_over(config, engine, LocalTextEngine(engine, served_model(config)))


def create_app_over(config: Config, engine: EngineStatus, text_engine: TextEngine) -> Flask:
    """The web application around a text engine. engine: what it says of its state.

    Raises:
        StartupError: the API keys or the pages' files cannot be read.
    """
    # Imported here, so that the engine can be imported without a web framework.
    from flask import Flask

    from app.api.responses.item_store import ItemStore
    from app.api.routes import api_blueprint
    from app.assets import serve_assets
    from app.connection.disconnect_watcher import DisconnectWatcher
    from app.middleware.access_control import register_access_control
    from app.middleware.base_path import BasePath
    from app.middleware.error_handlers import register_error_handlers
    from app.middleware.health import health_blueprint
    from app.middleware.locale import select_language
    from app.middleware.metrics import metrics_blueprint
    from app.middleware.path_normalization import PathNormalizer
    from app.middleware.request_log import register_request_log
    from app.middleware.security_headers import add_security_headers
    from app.openapi import openapi_blueprint
    from app.playground import playground_blueprint

    app = Flask(__name__, template_folder="../templates", static_folder=None)
    app.config.from_object(config)
    # PathNormalizer answers "//v1" where a redirect would lose a POST's body.
    app.url_map.merge_slashes = False
    app.extensions["engine"] = engine
    app.extensions["text_engine"] = text_engine
    app.extensions["item_store"] = ItemStore()
    app.extensions["watcher"] = DisconnectWatcher()
    registry = register_request_log(app)
    select_language(app)
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
