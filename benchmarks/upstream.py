"""What a server in front of an upstream costs: throughput, delay of each token, memory.

Knows nothing about models. A scripted upstream sends 100 streams 20 tokens a second each, 2,000 in
all; its streams are read first from itself, then through the server, by the same reader. The last
line is one JSON document.

    python -m benchmarks.upstream
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.report import finish, median
from benchmarks.steady_upstream import INTERVAL_S, MODEL
from tests.harness.server import free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until

STREAMS, TOKENS = 100, 240
#: Between the beginnings of two streams: all of them run for most of the time.
RAMP_S = 0.02
#: Left out at both ends: the streams begin and end there.
EDGE_S = STREAMS * RAMP_S + 0.5
_TIME = re.compile(rb'"content":"([0-9.]+) "')
_BODY = json.dumps(
    {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Go on."}],
        "max_tokens": TOKENS,
        "stream": True,
    }
).encode()


class Reader(asyncio.Protocol):
    """Asks for one stream, and notes when its tokens come."""

    def __init__(self) -> None:
        self.sent: list[float] = []  #: when the upstream sent each token, monotonic
        self.come: list[float] = []  #: when it arrived
        self.asked_at = 0.0
        self._rest = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
        self.asked_at = time.monotonic()
        transport.write(head + _BODY)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._rest + data
        matches = list(_TIME.finditer(data))
        self.sent += [float(match[1]) for match in matches]
        self.come += [now] * len(matches)
        self._rest = data[matches[-1].end() if matches else 0 :][-200:]
        if b"[DONE]" in data and not self.ended.done():
            self._transport.close()
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionResetError("a stream was cut"))


@dataclass(frozen=True)
class Run:
    """One round of all streams."""

    readers: Sequence[Reader]
    window: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        first = min(reader.asked_at for reader in self.readers)
        last = max(reader.come[-1] for reader in self.readers)
        object.__setattr__(self, "window", (first + EDGE_S, last - EDGE_S))

    @property
    def tokens_per_s(self) -> float:
        """Received while all streams run."""
        begin, end = self.window
        inside = sum(begin <= at < end for reader in self.readers for at in reader.come)
        return inside / (end - begin)

    @property
    def first_token_s(self) -> float:
        """Median, from the request on."""
        return median([reader.come[0] - reader.asked_at for reader in self.readers])

    @property
    def gaps_s(self) -> list[float]:
        """Between two tokens of a stream."""
        return sorted(b - a for reader in self.readers for a, b in pairwise(reader.come))

    @property
    def delays_s(self) -> list[float]:
        """From the upstream's hand to the client's, of each token."""
        return sorted(
            came - sent
            for reader in self.readers
            for sent, came in zip(reader.sent, reader.come, strict=True)
        )


def p99(values: Sequence[float]) -> float:
    """Of sorted values."""
    return values[int(len(values) * 0.99)]


async def _load(port: int) -> Run:
    loop, readers = asyncio.get_running_loop(), []
    for _ in range(STREAMS):
        _, reader = await loop.create_connection(Reader, "127.0.0.1", port)
        readers.append(reader)
        await asyncio.sleep(RAMP_S)
    await asyncio.gather(*(reader.ended for reader in readers))
    assert all(len(reader.come) == TOKENS for reader in readers), "tokens were lost"
    return Run(readers)


@contextmanager
def steady_upstream() -> Iterator[int]:
    """Its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.steady_upstream", str(port)]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: _listens(port))
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    connections = psutil.net_connections("tcp4")
    return any(each.laddr.port == port and each.status == "LISTEN" for each in connections)


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description="The cost of a server in front of an upstream.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", type=Path, default=Path("build/upstream.log"))
    arguments = parser.parse_args()
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    rounds: list[dict[str, float]] = []
    with steady_upstream() as port:
        front = free_port()
        command = python_wsgi(front, "--upstream", f"http://127.0.0.1:{port}/v1")
        with running(command, front, arguments.log) as server:
            ready_s = wait_ready(server)
            for _ in range(arguments.rounds):
                direct = asyncio.run(_load(port))
                before = sum(server.worker.cpu_times()[:2])
                through = asyncio.run(_load(front))
                spent = sum(server.worker.cpu_times()[:2]) - before
                rounds.append(_row(direct, through, spent))
                print(_line(rounds[-1]), flush=True)
            memory = server.worker.memory_info().rss / 2**20
    result = {name: median([each[name] for each in rounds]) for name in rounds[0]}
    print(f"ready in {ready_s:.1f} s; the worker takes {memory:.0f} MiB")
    finish("upstream", {"rounds": len(rounds), "ready_s": ready_s, "memory_mib": memory, **result})


def _row(direct: Run, through: Run, cpu_s: float) -> dict[str, float]:
    return {
        "throughput_ratio": through.tokens_per_s / direct.tokens_per_s,
        "tokens_per_s": through.tokens_per_s,
        "first_token_added_ms": (through.first_token_s - direct.first_token_s) * 1e3,
        "gap_p99_direct_ms": p99(direct.gaps_s) * 1e3,
        "gap_p99_ms": p99(through.gaps_s) * 1e3,
        "gap_p99_added_ms": (p99(through.gaps_s) - INTERVAL_S) * 1e3,
        "delay_median_ms": median(through.delays_s) * 1e3,
        "delay_p99_ms": p99(through.delays_s) * 1e3,
        "cpu_us_per_token": cpu_s / (STREAMS * TOKENS) * 1e6,
    }


def _line(row: dict[str, float]) -> str:
    return (
        f"{row['tokens_per_s']:.0f} tokens/s, {row['throughput_ratio']:.1%} of the upstream's; "
        f"first token +{row['first_token_added_ms']:.1f} ms; p99 gap {row['gap_p99_ms']:.0f} ms "
        f"(direct {row['gap_p99_direct_ms']:.0f}); token delayed by "
        f"{row['delay_median_ms']:.1f} ms, p99 {row['delay_p99_ms']:.0f} ms; "
        f"{row['cpu_us_per_token']:.0f} us of CPU a token"
    )


if __name__ == "__main__":
    main()
