"""As many streams as the server accepts, and more; all responses are checked completely."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

import pytest

from tests.harness.client import COMPLETIONS
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack, running_stack
from tests.stack.load import Job, at_once, health_watched, job, perform, spelled

CAP = 128


def run(stack: Stack, requests: int) -> None:
    """`requests` jobs of all kinds from CAP clients."""
    before = stack.settled()
    jobs = [job(index, stack.http) for index in range(requests)]
    began = time.monotonic()
    with health_watched(stack.http) as health, ThreadPoolExecutor(CAP) as pool:
        results = Counter(pool.map(lambda work: perform(stack.http, work), jobs))
    took = time.monotonic() - began
    assert results == {"right": requests}
    after = stack.settled()
    accepted = after["requests_accepted_total"] - before["requests_accepted_total"]
    completed = after["requests_completed_total"] - before["requests_completed_total"]
    assert accepted == completed == requests
    assert len(health.times_s) > 0
    print(f"{requests} requests by {CAP} clients in {took:.1f} s")


def test_every_answer_is_right_under_full_load(counting: Stack) -> None:
    run(counting, 400)


@pytest.mark.figures
def test_two_thousand_answers_are_right_under_full_load(counting: Stack) -> None:
    run(counting, 2000)


def test_128_streams_at_once(counting: Stack) -> None:
    """All of them open at the same time."""
    works = [job(1000 + index, counting.http, streamed=True) for index in range(CAP)]
    with health_watched(counting.http, pause_s=0.01):
        assert at_once(CAP, lambda n: perform(counting.http, works[n])) == {"right": CAP}
    counting.settled()


def too_many_at_once(stack: Stack, limit_s: float) -> None:
    """200 clients: 128 are served, 72 get 503 within the limit."""
    http = stack.http
    before = stack.settled()
    prompts = [(index + 3, index + 4) for index in range(200)]
    refusals: list[float] = []
    earlier = len(stack.proxy.times_s(503, COMPLETIONS))

    def ask(index: int) -> str:
        body = {"prompt": list(prompts[index]), "max_tokens": 600, "stream": True}
        began = time.monotonic()
        with http.open(COMPLETIONS, body) as opened:
            if opened.response.status == 200:
                lines = [line for _, line in opened.lines() if line.startswith("data: {")]
                assert "".join(map(text_of, lines)) == spelled(prompts[index], 600)
                return "served"
            reply = opened.reply()
            refusals.append(time.monotonic() - began)
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert reply.error()["code"] == "overloaded"
        return "refused"

    with health_watched(http):
        results = at_once(200, ask)
    assert results == {"served": CAP, "refused": 200 - CAP}
    # Measured by nginx and by the clients, which share one interpreter with 128 readers.
    by_nginx = stack.proxy.times_s(503, COMPLETIONS)[earlier:]
    assert len(by_nginx) == len(refusals) == 200 - CAP
    print(f"refused after {max(by_nginx):.3f} s at most, {median(by_nginx):.3f} s mostly; "
          f"as clients see it {max(refusals):.3f} s")  # fmt: skip
    assert max(by_nginx) < limit_s
    assert max(refusals) < limit_s
    after = stack.settled()
    assert after["requests_completed_total"] - before["requests_completed_total"] == CAP


def text_of(line: str) -> str:
    """The text of one event."""
    return line.partition('"text":"')[2].partition('"')[0]


@pytest.mark.quiet
@pytest.mark.fault
def test_two_hundred_at_once(counting: Stack) -> None:
    # One event per token of 128 streams, unlike the real server: the writes alone take a second
    # of the interpreter's time.
    too_many_at_once(counting, 10 * 0.25)


@pytest.mark.quiet
@pytest.mark.fault
def test_two_hundred_at_once_with_events_gathered() -> None:
    """With several tokens per event, as the real server sends them."""
    with running_stack(settings={"STACK_GATHER_S": 0.025}) as stack:
        too_many_at_once(stack, 5 * 0.25)


@pytest.mark.fault
def test_a_short_request_beside_sixteen_long_ones(counting: Stack) -> None:
    http = counting.http
    with ExitStack() as opened:
        for index in range(16):
            body = {"prompt": [5, index + 3], "max_tokens": 2000, "stream": True}
            next(opened.enter_context(http.open(COMPLETIONS, body)).tokens())
        began = time.monotonic()
        short = {"prompt": [7, 8], "max_tokens": 16, "stream": True}
        tokens = opened.enter_context(http.open(COMPLETIONS, short)).tokens()
        first = next(tokens) - began
        assert len(list(tokens)) == 15
        print(f"first token after {first:.3f} s, last after {time.monotonic() - began:.3f} s")
        assert http.in_flight() == 16, "a long one had ended"
        assert first < 2.0
    counting.settled()


def test_the_embedded_model_under_load(embedded: Stack) -> None:
    """Greedy responses beside 63 others equal those alone."""
    bodies = [
        {
            "prompt": f"介绍一下第{index}个城市",
            "max_tokens": 12,
            "temperature": 0,
            "ignore_eos": True,
        }
        for index in range(64)
    ]
    http = embedded.http
    alone = [http.completion(**body) for body in bodies[::8]]
    whole = [http.completion(**body) for body in bodies]
    assert whole[::8] == alone
    works = [Job(COMPLETIONS, body, text) for body, text in zip(bodies, whole, strict=True)]

    def ask(index: int) -> str:
        return http.completion(**works[index].body)  # type: ignore[arg-type]

    texts: dict[int, str] = {}
    at_once(64, lambda index: texts.setdefault(index, ask(index)) and "done")
    assert [texts[index] for index in range(64)] == whole
    embedded.settled()


def test_a_small_server_refuses_and_loses_nothing() -> None:
    """With --max_in_flight 4, all others are rejected, and none waits forever."""
    with running_stack(settings={"WESTLAKE_MAX_IN_FLIGHT": 4}) as small:
        http = small.http
        with ThreadPoolExecutor(16) as pool:
            works = [job(5000 + index, http) for index in range(64)]
            results = Counter(pool.map(lambda work: perform(http, work), works))
        assert results["right"] + results["503"] == 64
        assert results["right"] >= 4
        wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
        assert small.settled()["requests_completed_total"] == results["right"]
