"""Fixtures: the real server in a separate process, one for all tests and smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.client import Client
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`python wsgi.py` with the embedded model. It must stop cleanly at the end."""
    port = free_port()
    with running(python_wsgi(port), port, tmp_path_factory.mktemp("server") / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture
def http(server: Server) -> Client:
    """A client of the shared server."""
    return server.client


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with --max_in_flight 4 and cache for two or three long requests."""
    port = free_port()
    command = python_wsgi(port, "--max_in_flight", "4", "--kv_cache_mb", "10")
    with running(command, port, tmp_path_factory.mktemp("small") / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """The log file of a test's server."""
    return tmp_path / "log"
