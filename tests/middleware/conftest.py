"""An app with two API keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine

ALICE, BOB = "sk-alice-3f9c", "sk-bob-77aa"
KEYS = f"alice {ALICE}\n# a comment\n\nbob {BOB}  # his second\n"

MakeApp = Callable[..., Flask]


def bearer(key: str) -> Mapping[str, str]:
    """The Authorization header of a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(KEYS)
    return path


@pytest.fixture
def make(engine: ScriptedEngine, keys_file: Path) -> MakeApp:
    """An app with the keys and further settings."""

    def make(**settings: object) -> Flask:
        return create_app(Config(API_KEYS_FILE=str(keys_file), **settings), engine)  # type: ignore[arg-type]

    return make


@pytest.fixture
def keyed(make: MakeApp) -> FlaskClient:
    """A client of the app with keys; sends none by default."""
    return make().test_client()
