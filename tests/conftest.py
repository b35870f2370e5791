"""The app around a scripted engine, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine

if TYPE_CHECKING:
    from app.engine.service import EngineService


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def app(engine: ScriptedEngine) -> Flask:
    return create_app(Config(), engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def real_engine() -> Iterator[EngineService]:
    """The embedded model, loaded once in this process for all tests that want it here."""
    from app.build import build_engine  # torch, which most tests do without
    from app.checkpoint.check import check_model
    from app.text.counting import count_tokens
    from tests.harness.in_process import start

    config = Config()
    engine = start(build_engine(config, check_model(config, count_tokens)))
    yield engine
    engine.drain(0)
