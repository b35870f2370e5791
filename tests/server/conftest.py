"""A trivial application under the real gunicorn with HardenedWorker and short timeouts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
IO_S = 1.0
RECEIVE_TIMEOUT_S = 3.0

SETTINGS = """
from app.server import hardened_connection, timed_socket, worker
from app.server.log import Logger
from app.server.arbiter_hooks import _ignore_second_workers
from tests.server import trivial

hardened_connection.IO_TIMEOUT_S = {io}
worker.DRAIN_MARGIN_S = 0.5
timed_socket.RECEIVE_TIMEOUT_S = {arrival}
worker_class = worker.HardenedWorker
logger_class = Logger
threads = {threads}
keepalive = 75
graceful_timeout = 4
control_socket_disable = True

def on_starting(server):
    _ignore_second_workers(server)

def post_worker_init(w):
    w.on_drain = trivial.drained
"""


@dataclass
class Trivial:
    """A running gunicorn with tests/server/trivial.py."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    stack: ExitStack  #: closes what `connect` opened
    threads: int

    def connect(self, request: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
        """A new connection that has sent `request`."""
        peer = self.stack.enter_context(socket.socket())
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(10)
        peer.connect(("127.0.0.1", self.port))
        peer.sendall(request)
        return peer

    def get(self, path: str, *headers: str) -> bytes:
        """The response's body, over a new connection."""
        return read_all(self.connect(request(path, "Connection: close", *headers)))

    def seconds(self, path: str) -> float:
        """How long `get` takes."""
        began = time.monotonic()
        self.get(path)
        return time.monotonic() - began

    def signal(self, signum: int) -> None:
        """Send a signal to the master."""
        self.process.send_signal(signum)

    def logged(self) -> str:
        """gunicorn's log."""
        return self.log.read_text()


def request(path: str, *headers: str) -> bytes:
    """A complete GET request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def read_all(peer: socket.socket) -> bytes:
    """Everything until the server closes; the body only."""
    received = b""
    while part := peer.recv(65536):
        received += part
    return received.partition(b"\r\n\r\n")[2]


def read_until(peer: socket.socket, ending: bytes) -> bytes:
    """Read from a connection that stays open until the data ends with `ending`."""
    received = b""
    while not received.endswith(ending):
        part = peer.recv(65536)
        assert part, received
        received += part
    return received


@pytest.fixture
def trivial(tmp_path: Path) -> Iterator[Trivial]:
    """A running server with four threads."""
    with running(tmp_path, 4) as server:
        yield server


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Trivial]:
    """With as many threads as gunicorn.conf.py configures, and 256 file descriptors."""
    with running(tmp_path, 512, files=256) as server:
        yield server


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Trivial]:
    """At most two uploads, one per client, and six pending connections per client."""
    more = (
        "worker.MAX_UPLOADS, worker.MAX_UPLOADS_PER_CLIENT = 2, 1\n"
        "worker.UPLOAD_WAIT_TIMEOUT_S = 0.5\n"
        "worker.MAX_PENDING_PER_CLIENT = 6\n"
    )
    with running(tmp_path, 16, more=more) as server:
        yield server


@contextmanager
def running(
    tmp_path: Path, threads: int, files: int | None = None, more: str = ""
) -> Iterator[Trivial]:
    """Start a server and wait for it. files: limit of file descriptors; more: settings."""
    settings = SETTINGS.format(io=IO_S, arrival=RECEIVE_TIMEOUT_S, threads=threads)
    (tmp_path / "conf.py").write_text(settings + more)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["prlimit", f"--nofile={files}"] if files else []
    command += [sys.executable, "-m", "gunicorn", "-c", str(tmp_path / "conf.py")]
    command += ["-b", f"127.0.0.1:{port}", "tests.server.trivial:application"]
    log = tmp_path / "log"
    environ = {k: v for k, v in os.environ.items() if k != "WEB_CONCURRENCY"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    with ExitStack() as stack:
        server = Trivial(process, port, log, stack, threads)

        def answers() -> bool:
            assert process.poll() is None, server.logged()
            try:
                return server.get("/health") == b"ok"
            except OSError:
                return False

        try:
            wait_until(answers, server.logged)
            yield server
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
