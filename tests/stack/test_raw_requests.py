"""Malformed HTTP: at most one response, no traceback, and the server survives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.middleware.conftest import KEYS
from tests.stack.conftest import Stack, running_stack
from tests.stack.raw import CASES, exchange, statuses

#: Cases that contain more than one request. nginx accepts bare line feeds and sends each request
#: on in its own words.
PIPELINED = {
    "a length that is too short",
    "a body without a length",
    "chunks with line feeds only",
}
ALLOWED_5XX = {501, 505}


def check(name: str, sent: bytes, received: bytes) -> None:
    codes = statuses(received)
    if name not in PIPELINED:
        assert len(codes) <= 1, f"{name}: {len(codes)} answers: {received[:2000]!r}"
    for status in codes:
        assert status < 500 or status in ALLOWED_5XX, f"{name}: {received[:500]!r}"
    assert b"Traceback" not in received and b"site-packages" not in received
    assert b"/hidden" not in received or name in PIPELINED


def test_there_are_enough() -> None:
    assert len(CASES) >= 100


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with API keys: rejects all cases, most without reading the body."""
    keys = tmp_path_factory.mktemp("keyed") / "keys"
    keys.write_text(KEYS)
    with running_stack(settings={"WESTLAKE_API_KEYS_FILE": keys}) as stack:
        yield stack
        assert "Traceback" not in stack.server.logged()


@pytest.mark.parametrize("through", ["nginx", "direct"])
def test_every_case(counting: Stack, through: str) -> None:
    send_all(counting, through)


@pytest.mark.parametrize("through", ["nginx", "direct"])
def test_every_case_without_a_key(keyed: Stack, through: str) -> None:
    send_all(keyed, through)


def send_all(stack: Stack, through: str) -> None:
    address = ("127.0.0.1", stack.proxy.port) if through == "nginx" else str(stack.socket)
    worker = stack.server.worker
    with ThreadPoolExecutor(len(CASES)) as pool:
        answers = pool.map(lambda sent: exchange(address, sent, 3.0), CASES.values())
        for (name, sent), received in zip(CASES.items(), answers, strict=True):
            check(name, sent, received)
    assert stack.server.worker == worker
    assert stack.http.get("/health").status == 200
    stack.settled()


def mutations(seed: int, count: int) -> list[bytes]:
    """Cases with random bytes changed, repeated, deleted or swapped with another case's."""
    rng, mutated = random.Random(seed), []
    short = [sent for sent in CASES.values() if len(sent) < 3000]
    for _ in range(count):
        data = bytearray(rng.choice(short))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data) + 1)
            match rng.randrange(4):
                case 0:
                    data[place : place + 1] = bytes([rng.choice([0, 9, 10, 13, 32, 58, 127, 255])])
                case 1:
                    data[place:place] = data[place : place + rng.randint(1, 20)]
                case 2:
                    del data[place : place + rng.randint(1, 10)]
                case _:
                    other = rng.choice(short)
                    data[place:] = other[rng.randrange(len(other)) :]
        mutated.append(bytes(data))
    return mutated


def send_mutations(stack: Stack, seed: int, count: int) -> None:
    worker, sent = stack.server.worker, mutations(seed, count)
    for address in (("127.0.0.1", stack.proxy.port), str(stack.socket)):
        one = partial(exchange, address, wait_timeout_s=0.3)
        with ThreadPoolExecutor(32) as pool:
            for data, received in zip(sent, pool.map(one, sent), strict=True):
                for status in statuses(received):
                    assert status < 500 or status in ALLOWED_5XX, (data, received[:500])
                assert b"Traceback" not in received
    assert stack.server.worker == worker
    assert stack.http.get("/health").status == 200
    stack.settled()


def test_three_hundred_mutations(counting: Stack) -> None:
    send_mutations(counting, 0, 300)


@pytest.mark.figures
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_thousand_mutations(counting: Stack, seed: int) -> None:
    send_mutations(counting, seed, 1000)
