"""Westlake: one process that loads a LLaMA once and serves it over HTTP.

Importing it loads no model, starts no thread and reads no environment variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.engine import Engine


def create_app(config: object, engine: Engine) -> Flask:
    """The web application around `engine`, loaded or still loading.

    `config` is a `config.Config`, or has its upper-case attributes.

    Raises:
        StartupError: the chat template, the API keys or the pages' files cannot be read.
    """
    # Imported here, so that the engine can be imported without a web framework.
    from flask import Flask

    from app.api.routes import api_blueprint
    from app.assets import serve_assets
    from app.connection.disconnect_watcher import DisconnectWatcher
    from app.generation.local_engine import LocalTextEngine
    from app.generation.served_model import ServedModel
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
    from app.prompts.template_selection import read_chat_template
    from config import served_name

    app = Flask(__name__, template_folder="../templates", static_folder=None)
    app.config.from_object(config)
    # PathNormalizer answers "//v1" where a redirect would lose a POST's body.
    app.url_map.merge_slashes = False
    template = app.config["CHAT_TEMPLATE"]
    app.extensions["engine"] = engine
    app.extensions["watcher"] = DisconnectWatcher()
    served = ServedModel(
        model_name=app.config["MODEL_NAME"],
        prompt_template=app.config["PROMPT_TEMPLATE"],
        aliases=app.config["MODEL_ALIAS"],
        chat_template=None if template is None else read_chat_template(template),
        parent=served_name(app.config["BASE_MODEL"]) if app.config["LORA_MODEL"] else None,
    )
    app.extensions["text_engine"] = LocalTextEngine(engine, served)
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
