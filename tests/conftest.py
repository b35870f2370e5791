"""Tiers; the app around a scripted engine, and a client of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.tiers import FOLDER, TIERS, UNIT, tier_of

if TYPE_CHECKING:
    from app.engine.async_engine import AsyncEngine


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--tier unit`: that tier alone. `-m unit` chooses the same, after importing them all."""
    parser.addoption("--tier", choices=sorted({UNIT, *TIERS.values()}))
    parser.addoption(
        "--through",
        metavar="URL",
        help="send the conformance tests' requests through a second server, in front of the "
        'upstream URL, or "westlake": a server with the embedded model',
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is of another tier; a folder of UNIT may hold files of others."""
    wanted = config.getoption("--tier")
    if wanted is None or not collection_path.is_relative_to(FOLDER):
        return None
    tier = tier_of(collection_path)
    if collection_path.is_dir() and tier == UNIT:
        return None
    return True if tier != wanted else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test with its tier."""
    item.add_marker(tier_of(item.path))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported and collected: each time it would
    take it two seconds."""
    gc.collect()
    gc.freeze()


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
def real_engine() -> Iterator[AsyncEngine]:
    """The embedded model, loaded once in this process for all tests that want it here."""
    from app.build import build_engine  # torch, which most tests do without
    from app.checkpoint.check import check_model
    from app.tokenizer.vocab_size import read_vocab_size
    from tests.harness.in_process import start

    config = Config()
    engine = start(build_engine(config, check_model(config, read_vocab_size)))
    yield engine
    engine.drain(0)
