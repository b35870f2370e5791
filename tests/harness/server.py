"""Starts a real server in a process of its own, and stops it as an operator would.

Knows nothing about what is asked of it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.harness.client import Client
from tests.harness.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 40.0


@dataclass(frozen=True)
class Server:
    """A running server: gunicorn's master with its one worker."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started_at: float  #: monotonic

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Client:
        """A client of it."""
        return Client(self.port)

    @property
    def worker(self) -> psutil.Process:
        """The process that holds the model."""
        children = psutil.Process(self.process.pid).children()
        assert len(children) == 1, f"one worker is expected, not {children}"
        return children[0]

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(STOP_S)

    def logged(self) -> str:
        """What it has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def python_wsgi(port: int, *flags: str) -> list[str]:
    """The command of a person's own server."""
    return [
        sys.executable,
        str(ROOT / "wsgi.py"),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        *flags,
    ]


@contextmanager
def running(command: Sequence[str], port: int, log: Path, folder: Path = ROOT) -> Iterator[Server]:
    """A server that was started and need not be ready; it is stopped by SIGTERM, if it still
    runs, and must then end with 0."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("WESTLAKE_")}
    started_at = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = Server(process, port, log, started_at)
    try:
        yield server
        if process.poll() is None:
            server.terminate()
        assert server.exit_code() == 0, server.logged()
    finally:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


def wait_ready(server: Server, limit_s: float = START_S) -> float:
    """Seconds from the start until /ready said 200."""

    def ready() -> bool:
        assert server.process.poll() is None, f"the server has ended:\n{server.logged()}"
        try:
            return server.client.get("/ready").status == 200
        except ConnectionError:
            return False

    wait_until(ready, lambda: f"not ready:\n{server.logged()}", limit_s=limit_s)
    return time.monotonic() - server.started_at
