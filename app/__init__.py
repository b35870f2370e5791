"""Westlake: one process that loads a LLaMA once and serves it over HTTP.

Importing it loads no model, starts no thread and reads no environment variable.
"""

from __future__ import annotations

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
    from app.application import build_application

    return build_application(config, engine, text_engine)
