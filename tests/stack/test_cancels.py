"""Clients that disconnect: their slots are freed at once, and no other client is affected."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import quantiles

import pytest

from tests.harness.client import COMPLETIONS, EMBEDDINGS
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack
from tests.stack.counting_model import SLOTS
from tests.stack.load import at_once, health_watched, job, perform

ENDLESS: dict[str, object] = {"prompt": [5, 6, 7], "max_tokens": 10_000}
KINDS: list[tuple[str, dict[str, object]]] = [
    (COMPLETIONS, {**ENDLESS, "stream": True}),
    (COMPLETIONS, ENDLESS),
    (COMPLETIONS, {"prompt": [[n + 3, *[9] * 9000] for n in range(8)], "max_tokens": 2}),
    (EMBEDDINGS, {"input": [[n + 3, *[9] * 9000] for n in range(8)]}),
]
IDS = ["stream", "whole", "reading", "embeddings"]
FREE_WITHIN_S = 1.0
NEXT_WITHIN_S = 2.0


@pytest.mark.fault
@pytest.mark.parametrize(("path", "body"), KINDS, ids=IDS)
def test_a_slot_is_free_within_a_second(
    counting: Stack, path: str, body: dict[str, object]
) -> None:
    http = counting.http
    before = counting.settled()
    took = []
    for _ in range(5):
        with http.open(path, body):
            wait_until(lambda: http.metrics()["requests_running"] == 1, lambda: "it never ran")
        began = time.monotonic()
        wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
        took.append(time.monotonic() - began)
    print(f"free after {max(took):.3f} s at most")
    assert max(took) < FREE_WITHIN_S
    after = counting.settled()
    assert after["requests_cancelled_total"] == before["requests_cancelled_total"] + 5


@pytest.mark.fault
def test_a_queued_request_is_removed_within_a_second(counting: Stack) -> None:
    http = counting.http
    with ExitStack() as opened:
        for _ in range(SLOTS):
            opened.enter_context(http.open(COMPLETIONS, {**ENDLESS, "stream": True}))
        wait_until(lambda: http.in_flight() == SLOTS, lambda: str(http.metrics()))
        for streamed in (True, False):
            with http.open(COMPLETIONS, {**ENDLESS, "stream": streamed}):
                wait_until(lambda: http.in_flight() == SLOTS + 1, lambda: str(http.metrics()))
                assert http.metrics()["requests_waiting"] >= 1
            began = time.monotonic()
            wait_until(lambda: http.in_flight() == SLOTS, lambda: str(http.metrics()))
            assert time.monotonic() - began < FREE_WITHIN_S
    counting.settled()


@pytest.mark.fault
def test_two_hundred_disconnect_and_the_next_is_answered(counting: Stack) -> None:
    """Each would have taken 10,000 tokens."""
    http = counting.http

    def leave(index: int) -> str:
        with http.open(COMPLETIONS, {**ENDLESS, "prompt": [3 + index], "stream": index % 2 == 0}):
            time.sleep(0.5)
        return "left"

    with health_watched(http, pause_s=0.02) as health:
        assert at_once(200, leave) == {"left": 200}
        began = time.monotonic()
        wait_until(
            lambda: perform(http, job(1, http, streamed=False)) == "right",
            lambda: "all places are taken",
            limit_s=NEXT_WITHIN_S,
        )
        print(f"the next was answered after {time.monotonic() - began:.3f} s")
        # It takes 0.6 s: on a busy machine only few requests fit in.
        wait_until(lambda: len(health.times_s) >= 10, lambda: "hardly asked")
    counting.settled()


def leave_at_random(stack: Stack, requests: int) -> None:
    """Half of the clients disconnect at a random time; the others get complete responses."""
    http, worker = stack.http, stack.server.worker
    perform(http, job(0, http))
    before = stack.settled()
    at_once(32, lambda index: perform(http, job(index, http)))
    descriptors, threads = worker.num_fds(), worker.num_threads()

    def one(index: int) -> str:
        work, rng = job(index, http), random.Random(-index)
        if index % 2:
            return perform(http, work)
        body = {**work.body, "max_tokens": 5000} if "max_tokens" in work.body else work.body
        with http.open(work.path, body):
            time.sleep(rng.random() * 0.3)
        return "left"

    with ThreadPoolExecutor(32) as pool:
        results = Counter(pool.map(one, range(requests)))
    assert results == {"right": requests // 2, "left": requests // 2}
    after = stack.settled()
    gone = after["requests_cancelled_total"] - before["requests_cancelled_total"]
    print(f"{gone:.0f} of {requests // 2} were cancelled, the others had been answered")
    assert requests // 4 < gone <= requests // 2
    assert after["requests_failed_total"] == before["requests_failed_total"]
    # nginx keeps up to 32 connections to the server for each of its two workers.
    wait_until(
        lambda: worker.num_fds() <= descriptors + 70 and worker.num_threads() <= threads + 70,
        lambda: f"{descriptors} {worker.num_fds()}, {threads} {worker.num_threads()}",
    )


@pytest.mark.fault
def test_half_of_two_hundred_disconnect(counting: Stack) -> None:
    leave_at_random(counting, 200)


@pytest.mark.figures
def test_half_of_a_thousand_disconnect(counting: Stack) -> None:
    leave_at_random(counting, 1000)


@pytest.mark.figures
def test_five_hundred_departures_one_by_one(counting: Stack) -> None:
    http, rng, took = counting.http, random.Random(1), []
    before = counting.settled()
    for index in range(500):
        path, body = KINDS[index % len(KINDS)]
        with http.open(path, body):
            time.sleep(rng.random() * 0.1)
        began = time.monotonic()
        wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
        took.append(time.monotonic() - began)
    p99 = quantiles(took, n=100)[98]
    after = counting.settled()
    cancelled = after["requests_cancelled_total"] - before["requests_cancelled_total"]
    print(f"500 departures, {cancelled:.0f} of accepted requests: p99 {p99:.3f} s, "
          f"max {max(took):.3f} s")  # fmt: skip
    assert p99 <= FREE_WITHIN_S
    assert cancelled > 250, "most left before they were accepted"
