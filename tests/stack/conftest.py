"""The whole stack: nginx with our site, a Unix socket, gunicorn with our configuration.

Knows nothing about what is asked of it. The model counts (tests/stack/counting_wsgi.py), or is
the embedded one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.client import Client
from tests.harness.server import ROOT, Server, running, wait_ready
from tests.harness.waiting import wait_until
from tests.stack.nginx import Proxy, started, write_site

COUNTING = "tests.stack.counting_wsgi:app"
EMBEDDED = "wsgi:app"


@dataclass(frozen=True)
class Stack:
    """A running server behind a running nginx."""

    server: Server  #: its port is nginx's
    proxy: Proxy
    socket: Path

    @property
    def http(self) -> Client:
        """A client of nginx."""
        return self.server.client

    def settled(self) -> dict[str, float]:
        """The metrics once nothing is in flight; the ledger must add up."""
        now: dict[str, float] = {}

        def balanced() -> bool:
            # One reading: a request whose client has left may still be on its way through nginx,
            # and be accepted between two readings.
            now.update(self.http.metrics())
            ended = sum(
                now[f"requests_{end}_total"] for end in ("completed", "failed", "cancelled")
            )
            still = now["requests_running"] + now["requests_waiting"]
            even = now["requests_accepted_total"] == ended
            return still == 0 and even and now["kv_cache_usage_ratio"] == 0

        wait_until(balanced, lambda: str(now))
        return now


@contextmanager
def stack(
    application: str = COUNTING,
    settings: dict[str, object] | None = None,
    site: dict[str, Any] | None = None,
    before: tuple[str, ...] = (),
    ready: bool = True,
    place: str | None = None,
) -> Iterator[Stack]:
    """A stack of its own. settings: STACK_ and WESTLAKE_ variables; site: how nginx's files
    differ; before: words in front of the server's command; place: where its folder is made."""
    # Short: a socket's path has 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="westlake-", dir=place))
    try:
        socket = folder / "http.sock"
        proxy = write_site(folder, str(socket), **(site or {}))
        command = ["env", *(f"{name}={value}" for name, value in (settings or {}).items()), *before]
        command += [sys.executable, "-m", "gunicorn", "--config", "tests/stack/gunicorn_conf.py"]
        command += ["--bind", f"unix:{socket}", application]
        log = folder / "log"
        with started(proxy), running(command, proxy.port, log, ROOT) as server:
            found = Stack(server, proxy, socket)
            if ready:
                wait_ready(server)
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def time_number(request: pytest.FixtureRequest) -> int:
    """The how manieth time a test of a fault runs."""
    return int(getattr(request, "param", 1))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Luck is no proof: each fault three times, twice of them in `make verify` only."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "fault" in marks and "figures" not in marks:
        again = [pytest.param(number, marks=pytest.mark.figures) for number in (2, 3)]
        ids = [f"time {number}" for number in (1, 2, 3)]
        metafunc.parametrize("time_number", [1, *again], ids=ids, indirect=True)


@pytest.fixture(scope="session")
def counting() -> Iterator[Stack]:
    """One with a model that counts, for all tests that leave it whole."""
    with stack() as found:
        yield found
        found.settled()
        assert "Traceback" not in found.server.logged()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stack]:
    """One with the embedded model."""
    with stack(EMBEDDED) as found:
        yield found
        found.settled()
        assert "Traceback" not in found.server.logged()
