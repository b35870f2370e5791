"""The app around a scripted engine, and a client of it."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def app(engine: ScriptedEngine) -> Flask:
    return create_app(Config(), engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
