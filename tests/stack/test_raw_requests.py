"""Bytes that are not quite HTTP: at most one answer, no fault, and the server lives on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.middleware.conftest import KEYS
from tests.stack.conftest import Stack, stack
from tests.stack.raw import CASES, exchange, statuses

#: Where more than one request is in the bytes: the first ends before they do. With bare line feeds
#: so nginx reads it, which sends on what it has read, anew.
PIPELINED = {
    "a length that is too short",
    "a body without a length",
    "chunks with line feeds only",
}
ALLOWED_5XX = {501, 505}


def check(name: str, sent: bytes, received: bytes) -> None:
    found = statuses(received)
    if name not in PIPELINED:
        assert len(found) <= 1, f"{name}: {len(found)} answers: {received[:2000]!r}"
    for status in found:
        assert status < 500 or status in ALLOWED_5XX, f"{name}: {received[:500]!r}"
    assert b"Traceback" not in received and b"site-packages" not in received
    assert b"/hidden" not in received or name in PIPELINED


def test_there_are_enough() -> None:
    assert len(CASES) >= 100


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One that refuses all of them for their missing key, most of them unread."""
    keys = tmp_path_factory.mktemp("keyed") / "keys"
    keys.write_text(KEYS)
    with stack(settings={"WESTLAKE_API_KEYS_FILE": keys}) as found:
        yield found
        assert "Traceback" not in found.server.logged()


@pytest.mark.parametrize("through", ["nginx", "direct"])
def test_every_case(counting: Stack, through: str) -> None:
    send_all(counting, through)


@pytest.mark.parametrize("through", ["nginx", "direct"])
def test_every_case_without_a_key(keyed: Stack, through: str) -> None:
    send_all(keyed, through)


def send_all(found: Stack, through: str) -> None:
    address = ("127.0.0.1", found.proxy.port) if through == "nginx" else str(found.socket)
    worker = found.server.worker
    with ThreadPoolExecutor(len(CASES)) as pool:
        answers = pool.map(lambda sent: exchange(address, sent, 3.0), CASES.values())
        for (name, sent), received in zip(CASES.items(), answers, strict=True):
            check(name, sent, received)
    assert found.server.worker == worker
    assert found.http.get("/health").status == 200
    found.settled()


def mutations(seed: int, count: int) -> list[bytes]:
    """Cases with a few bytes changed, doubled, dropped or swapped with another's."""
    rng, found = random.Random(seed), []
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
        found.append(bytes(data))
    return found


def send_mutations(found: Stack, seed: int, count: int) -> None:
    worker, sent = found.server.worker, mutations(seed, count)
    for address in (("127.0.0.1", found.proxy.port), str(found.socket)):
        one = partial(exchange, address, wait_timeout_s=0.3)
        with ThreadPoolExecutor(32) as pool:
            for data, received in zip(sent, pool.map(one, sent), strict=True):
                for status in statuses(received):
                    assert status < 500 or status in ALLOWED_5XX, (data, received[:500])
                assert b"Traceback" not in received
    assert found.server.worker == worker
    assert found.http.get("/health").status == 200
    found.settled()


def test_three_hundred_mutations(counting: Stack) -> None:
    send_mutations(counting, 0, 300)


@pytest.mark.figures
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_thousand_mutations(counting: Stack, seed: int) -> None:
    send_mutations(counting, seed, 1000)
