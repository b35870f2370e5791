"""A slow or unreliable network on either side of nginx: the counters add up, and no client takes
a partial response for a complete one."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.harness.client import COMPLETIONS, Client
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack
from tests.stack.load import job, perform, spelled
from tests.stack.nginx import started, write_site
from tests.stack.unreliable import Manners, relay

PROMPT = (5, 6)
TOKENS = 6


@contextmanager
def between_client_and_nginx(stack: Stack, manners: Manners) -> Iterator[Client]:
    with relay(("127.0.0.1", stack.proxy.port), manners) as address:
        yield Client(address[1])  # type: ignore[arg-type]


@contextmanager
def between_nginx_and_server(stack: Stack, manners: Manners) -> Iterator[Client]:
    folder = Path(tempfile.mkdtemp(prefix="westlake-"))
    try:
        with relay(str(stack.socket), manners, folder / "relay.sock") as path:
            proxy = write_site(folder, f"unix:{path}")
            with started(proxy):
                yield Client(proxy.port)
    finally:
        shutil.rmtree(folder)


Place = Callable[[Stack, Manners], AbstractContextManager[Client]]
PLACES = pytest.mark.parametrize("place", [between_client_and_nginx, between_nginx_and_server])


@pytest.mark.fault
@PLACES
@pytest.mark.parametrize(
    "manners",
    [
        Manners(delay_s=2),
        Manners(piece_bytes=1),
        Manners(piece_bytes=100, pause_s=0.1),
    ],
    ids=["two seconds late", "in single bytes", "a kilobyte a second"],
)
def test_a_slow_network_loses_nothing(counting: Stack, place: Place, manners: Manners) -> None:
    with place(counting, manners) as http, ThreadPoolExecutor(4) as pool:
        works = [job(index, counting.http) for index in (1, 2, 3, 4)]
        assert Counter(pool.map(lambda work: perform(http, work), works)) == {"right": 4}
    counting.settled()


def see(http: Client, streamed: bool) -> str:
    """Return "right", or "error" if the client can tell that something is missing."""
    body = {"prompt": list(PROMPT), "max_tokens": TOKENS, "stream": streamed}
    try:
        reply = http.post(COMPLETIONS, body)
    except (HTTPException, ConnectionError):
        return "error"
    # http.client takes truncated headers for complete ones.
    sized = reply.headers.get("content-length", "").isdigit()
    chunked = reply.headers.get("transfer-encoding") == "chunked"
    if reply.status == 503 or not (sized or chunked):
        return "error"
    if streamed:
        assert reply.body.endswith(b"data: [DONE]\n\n"), "half a stream looked whole"
    else:
        assert reply.ok()["choices"][0]["text"] == spelled(PROMPT, TOKENS)
    return "right"


def cut_everywhere(stack: Stack, place: Place, places: range) -> None:
    for streamed in (True, False):
        manners, seen = Manners(), Counter[str]()
        with place(stack, manners) as http:
            assert see(http, streamed) == "right"
            for manners.cut_after in places:
                seen[see(http, streamed)] += 1
        assert seen == {"error": len(places)}
    stack.settled()


@pytest.mark.fault
@PLACES
def test_cut_at_every_thirtieth_byte(counting: Stack, place: Place) -> None:
    cut_everywhere(counting, place, range(0, 390, 30))


@pytest.mark.figures
@PLACES
def test_cut_at_every_byte(counting: Stack, place: Place) -> None:
    cut_everywhere(counting, place, range(401))


@pytest.mark.fault
@PLACES
def test_a_network_that_falls_silent(counting: Stack, place: Place) -> None:
    """The client gives up; its slot is freed."""
    accepted = counting.settled()["requests_accepted_total"] + 1
    with place(counting, Manners(silent_after=300)) as http:
        body = {"prompt": [5], "max_tokens": 10_000, "stream": True}
        with http.open(COMPLETIONS, body):
            wait_until(
                lambda: counting.http.metrics()["requests_accepted_total"] == accepted,
                lambda: str(counting.http.metrics()),
            )
    counting.settled()
