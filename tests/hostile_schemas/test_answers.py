"""Hostile schemas against the real server: every answer that says it is finished is an instance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.hostile_schemas.asking import LIMIT_STEPS, MARGIN, judge, settled
from tests.hostile_schemas.neighbour import neighbour
from tests.hostile_schemas.schemas import Schema, all_schemas

CLIENTS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    with running(python_wsgi(port), port, tmp_path_factory.mktemp("schemas") / "log") as server:
        wait_ready(server)
        yield server


def ask_all(server: Server, schemas: list[tuple[str, Schema]], seeds: range) -> Counter[str]:
    """Each schema, whole and streamed, beside a stream that must hardly notice."""
    http, worker = server.client, server.worker
    works = [
        (*each, seed, stream) for each in schemas for seed in seeds for stream in (False, True)
    ]
    random.Random(5).shuffle(works)
    with neighbour(server.port) as gaps, ThreadPoolExecutor(CLIENTS) as pool:
        ends = list(pool.map(lambda work: judge(http, *work), works))
    accepted = {name for (name, *_), end in zip(works, ends, strict=True) if end != "refused"}
    print(f"{Counter(ends)}; {len(accepted)} of {len(schemas)} schemas accepted; worst gap of a "
          f"neighbour {max(gaps):.1f} usual ones, over {LIMIT_STEPS}: "
          f"{sum(gap > LIMIT_STEPS for gap in gaps)} of {len(gaps)}")  # fmt: skip
    settled(http)
    assert server.worker == worker, "the worker was replaced"
    assert max(gaps) <= LIMIT_STEPS * MARGIN
    return Counter(ends)


@pytest.mark.quiet
def test_a_sample_of_hostile_schemas(server: Server) -> None:
    """One of each kind."""
    rng = random.Random(4)
    schemas = all_schemas()
    sample = [rng.choice(schemas[first : first + 10]) for first in range(0, len(schemas), 10)]
    ends = ask_all(server, sample, range(1))
    assert ends["stop"] > 10 and ends["failed"] <= 2
    assert ends["refused"] <= len(sample) / 2


@pytest.mark.figures
def test_all_hostile_schemas(server: Server) -> None:
    ends = ask_all(server, all_schemas(), range(3))
    assert ends["failed"] <= 0.02 * sum(ends.values())
    assert ends["refused"] <= 0.12 * sum(ends.values())
