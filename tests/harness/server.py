"""Starts a real server in a separate process, and stops it as an operator would."""

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
        """Its address."""
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
        """Wait for the exit."""
        return self.process.wait(STOP_S)

    def logged(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def python_wsgi(port: int, *flags: str) -> list[str]:
    """The command of a local server."""
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
    """Start a server; does not wait until it is ready. At the end SIGTERM must stop it with exit
    code 0, if it is still running."""
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
    """Wait for 200 of /ready; return the seconds since the start."""

    def ready() -> bool:
        assert server.process.poll() is None, f"the server has ended:\n{server.logged()}"
        try:
            return server.client.get("/ready").status == 200
        except ConnectionError:
            return False

    wait_until(ready, lambda: f"not ready:\n{server.logged()}", limit_s=limit_s)
    return time.monotonic() - server.started_at
