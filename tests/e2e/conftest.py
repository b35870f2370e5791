"""The real server, started once for all tests here, and smaller ones for single tests.

Knows nothing about engines or models: the servers are processes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.client import Client
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded model, as `python wsgi.py` serves it. At the end it must stop cleanly."""
    port = free_port()
    with running(python_wsgi(port), port, tmp_path_factory.mktemp("server") / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture
def http(server: Server) -> Client:
    """A client of the server that all tests share."""
    return server.client


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that takes four requests and has cache for two or three long ones."""
    port = free_port()
    command = python_wsgi(port, "--max_in_flight", "4", "--kv_cache_mb", "10")
    with running(command, port, tmp_path_factory.mktemp("small") / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Where a test's own server writes."""
    return tmp_path / "log"
