"""The whole stack: nginx with deploy's site, a Unix socket, gunicorn with gunicorn.conf.py.

The model counts (tests/stack/counting_wsgi.py), or is the embedded one.
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
        """Wait until no request is in flight; return the metrics. The counters must add up."""
        now: dict[str, float] = {}

        def balanced() -> bool:
            # Read once: a request whose client has disconnected may still be passing through nginx
            # and be accepted between two reads.
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
def running_stack(
    application: str = COUNTING,
    settings: dict[str, object] | None = None,
    site: dict[str, Any] | None = None,
    before: tuple[str, ...] = (),
    ready: bool = True,
    place: str | None = None,
) -> Iterator[Stack]:
    """A new stack. settings: STACK_ and WESTLAKE_ variables; site: arguments of `write_site`;
    before: words in front of the server's command; place: parent folder of its files."""
    # Short: the path of a Unix socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="westlake-", dir=place))
    try:
        socket = folder / "http.sock"
        proxy = write_site(folder, f"unix:{socket}", **(site or {}))
        command = ["env", *(f"{name}={value}" for name, value in (settings or {}).items()), *before]
        command += [sys.executable, "-m", "gunicorn", "--config", "tests/stack/gunicorn_conf.py"]
        command += ["--bind", f"unix:{socket}", application]
        log = folder / "log"
        with started(proxy), running(command, proxy.port, log, ROOT) as server:
            stack = Stack(server, proxy, socket)
            if ready:
                wait_ready(server)
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def repetition(request: pytest.FixtureRequest) -> int:
    """Repetition number of a fault test (1-3)."""
    return int(getattr(request, "param", 1))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each fault test three times, the second and third in `make verify` only."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "fault" in marks and "figures" not in marks:
        again = [pytest.param(index, marks=pytest.mark.figures) for index in (2, 3)]
        ids = [f"time {index}" for index in (1, 2, 3)]
        metafunc.parametrize("repetition", [1, *again], ids=ids, indirect=True)


@pytest.fixture(scope="session")
def counting() -> Iterator[Stack]:
    """A stack with the counting model, shared by all tests that do not break it."""
    with running_stack() as stack:
        yield stack
        stack.settled()
        assert "Traceback" not in stack.server.logged()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stack]:
    """A stack with the embedded model."""
    with running_stack(EMBEDDED) as stack:
        yield stack
        stack.settled()
        assert "Traceback" not in stack.server.logged()
