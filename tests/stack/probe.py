"""Polls /health from a separate process, because the flooding process is too busy.

`python -m tests.stack.probe PORT` polls until its standard input ends and prints one line for
each request.
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.harness.server import ROOT

REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PAUSE_S = 0.02
PATIENCE_S = 60.0
#: Polling continues this long after the flood.
AFTER_S = 0.5


@dataclass
class Answers:
    """The results of all requests to /health."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def within(self, limit_s: float, min_count: int = 5) -> None:
        """Assert that each was correct and within the limit."""
        assert not self.wrong, self.wrong[:5]
        assert len(self.seconds) >= min_count, "too few requests to /health"
        print(f"/health {len(self.seconds)} times, {max(self.seconds):.3f} s at most")
        assert max(self.seconds) <= limit_s


@contextmanager
def probed(port: int) -> Iterator[Answers]:
    """Poll /health while the block runs; the results are complete after it."""
    command = [sys.executable, "-m", "tests.stack.probe", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    answers = Answers()
    try:
        process.stdout.readline()  # the first response has arrived
        yield answers
        time.sleep(AFTER_S)
        printed, _ = process.communicate(timeout=2 * PATIENCE_S)
        for line in printed.splitlines():
            took, _, what = line.partition(" ")
            answers.seconds.append(float(took))
            if what != "200":
                answers.wrong.append(line)
    finally:
        process.kill()
        process.communicate()


def ask(port: int) -> str:
    """The status, or the error."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as peer:
            peer.sendall(REQUEST)
            answer = b""
            while part := peer.recv(65536):
                answer += part
    except OSError as error:
        return repr(error)
    return answer[9:12].decode()


def main(port: int) -> None:
    """Poll until the standard input ends."""
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        began = time.monotonic()
        status = ask(port)
        print(f"{time.monotonic() - began:.4f} {status}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
