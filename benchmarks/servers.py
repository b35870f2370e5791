"""Starts a server to be measured, waits until it can answer, and stops it.

Knows nothing about models or figures; one server runs at a time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
START_S, STOP_S = 300.0, 60.0
#: At the end of a server's name: of another checkout.
BASELINE = "-baseline"


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one; `{port}` in the command stands for its port."""

    name: str
    command: tuple[str, ...]
    ready_path: str
    environ: Mapping[str, str] = field(default_factory=dict)
    #: What its requests need besides, or in place of what others get; None: it refuses the field.
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A server's processes."""

    server: Server
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    began_s: float  #: monotonic, when it was started

    def wait_ready(self) -> float:
        """Seconds from the start to the first 200 of its ready path.

        Raises:
            RuntimeError: it ended, or was not ready in time; with the end of its log.
        """
        while not _answers(self.port, self.server.ready_path):
            late = time.monotonic() - self.began_s > START_S
            if self.process.poll() is not None or late:
                end = self.log.read_text(errors="replace")[-3000:]
                state = "not ready in time" if late else "gone"
                raise RuntimeError(f"{self.server.name} is {state}: {end}")
            time.sleep(0.02)
        return time.monotonic() - self.began_s

    def processes(self) -> list[psutil.Process]:
        """All there are now; none once it has ended."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pids(self) -> list[int]:
        """Their ids."""
        return [process.pid for process in self.processes()]

    def cpu_s(self) -> float:
        """CPU seconds they have used."""
        times = [process.cpu_times() for process in self.processes()]
        return float(sum(each.user + each.system for each in times))


def busy_s() -> float:
    """CPU seconds that all of this machine's processes have used since it was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def westlake(
    model: Path, *flags: str, name: str = "westlake", environ: Mapping[str, str] | None = None
) -> Server:
    """Our own, prompts taken as they are."""
    command = (
        sys.executable, str(ROOT / "wsgi.py"), "--host", "127.0.0.1", "--port", "{port}",
        "--base_model", str(model), "--only_cpu", "--model_name", "model",
        "--prompt_template", "none", *flags,
    )  # fmt: skip
    return Server(name, command, "/ready", environ or {})


def of_another_checkout(server: Server, root: Path) -> Server:
    """Our own server, run from the code in `root`, with the same Python."""
    ours, theirs = str(ROOT / "wsgi.py"), str(root.resolve() / "wsgi.py")
    command = tuple(theirs if part == ours else part for part in server.command)
    return replace(server, name=f"{server.name}{BASELINE}", command=command)


@contextmanager
def started(server: Server, log: Path) -> Iterator[Running]:
    """The server, not ready yet; it writes to `log`, and is gone when the block ends."""
    port = _free_port()
    command = [part.replace("{port}", str(port)) for part in server.command]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("WESTLAKE_")}
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**environ, **server.environ}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield Running(server, port, process, log, began)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the server; what is left of its session after a while is killed."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: nobody else is in it
    except ProcessLookupError:
        pass
    process.wait()


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
