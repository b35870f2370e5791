"""All hostile schemas, asked by clients that leave, under a deadline that passes, and during a
shutdown: no core stays busy for a request that has ended.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import psutil
import pytest

from tests.harness.client import CHAT, Client
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until
from tests.hostile_schemas.asking import alive, body, settled, whole_or_cut
from tests.hostile_schemas.schemas import Schema, all_schemas

TOGETHER = 12
#: Seconds a core may stay busy after a request's client left or its deadline passed.
CORE_S = 5.0
WINDOW_S, BUSY_SHARE = 0.5, 0.1
DRAIN_S = 30.0 + 5.0

pytestmark = pytest.mark.figures


def started(log: Path, *flags: str) -> Iterator[Server]:
    port = free_port()
    with running(python_wsgi(port, *flags), port, log) as server:
        wait_ready(server)
        yield server


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Server]:
    yield from started(tmp_path / "log")


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Server]:
    yield from started(tmp_path / "log", "--request_timeout", "1")


def shuffled() -> list[Schema]:
    schemas = [schema for _, schema in all_schemas()]
    random.Random(6).shuffle(schemas)
    return schemas


def used(server: Server) -> float:
    """Processor seconds of the worker and of all its children so far, ended ones included."""
    worker = server.worker
    total = 0.0
    for process in (worker, *worker.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            pass  # its parent counts it now
    return total


def tries(server: Server) -> bool:
    """Whether a schema is being tried: the process that tries them has a fork."""
    return any(child.children() for child in server.worker.children())


def busy_for(server: Server) -> float:
    """Seconds until no schema is tried and all processes together use less than a tenth of a
    core."""
    began = time.monotonic()
    while True:
        at, before = time.monotonic(), used(server)
        time.sleep(WINDOW_S)
        idle = used(server) - before < BUSY_SHARE * WINDOW_S and not tries(server)
        if idle or at - began > 2 * CORE_S:
            return at - began


def worst_busy(server: Server, ask: Callable[[Schema, bool], object]) -> float:
    """All schemas, some at a time; the longest that a core was busy after they had ended."""
    schemas, worker = shuffled(), server.worker
    worst = 0.0
    with ThreadPoolExecutor(TOGETHER) as pool:
        for first in range(0, len(schemas), TOGETHER):
            batch = schemas[first : first + TOGETHER]
            list(pool.map(ask, batch, [bool(number % 2) for number in range(len(batch))]))
            worst = max(worst, busy_for(server))
    print(f"a core was busy for {worst:.1f} s at most")
    settled(server.client)
    assert server.worker == worker, "the worker was replaced"
    return worst


def test_clients_that_leave(patient: Server) -> None:
    rng = random.Random(7)

    def leave(schema: Schema, stream: bool) -> None:
        with patient.client.open(CHAT, body(schema, 1, stream=stream, max_tokens=900)):
            time.sleep(rng.random())

    assert worst_busy(patient, leave) <= CORE_S


def test_deadlines_that_pass(hurried: Server) -> None:
    statuses = set()

    def wait(schema: Schema, stream: bool) -> None:
        asked = body(schema, 1, stream=stream, max_tokens=900)
        statuses.add(whole_or_cut(hurried.client, asked).status)

    assert worst_busy(hurried, wait) <= CORE_S
    assert statuses <= {200, 400, 504} and 504 in statuses


def test_a_shutdown_in_the_midst(patient: Server) -> None:
    """Those that have been accepted are answered, others refused; then nothing is left."""
    schemas = shuffled()
    family = [patient.worker, *patient.worker.children(recursive=True)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        asked = [pool.submit(answered, patient.client, schema) for schema in schemas]
        time.sleep(3)
        family += patient.worker.children(recursive=True)
        began = time.monotonic()
        patient.terminate()
        assert patient.exit_code() == 0, patient.logged()
        took = time.monotonic() - began
        statuses = [each.result() for each in asked]
    print(f"ended within {took:.1f} s; {[(s, statuses.count(s)) for s in sorted(set(statuses))]}")
    assert took <= DRAIN_S
    assert set(statuses) <= {0, 200, 400, 503} and 200 in statuses
    wait_until(lambda: not any(map(alive, family)), lambda: "a child is left behind", 2)


def answered(http: Client, schema: Schema) -> int:
    """The status; 0 where nobody listens any more."""
    try:
        return whole_or_cut(http, body(schema, 1)).status
    except (OSError, HTTPException):
        return 0
