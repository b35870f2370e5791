"""Clients that disconnect: their slot is free within a second, and computing for them stops."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.harness.client import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    MESSAGES,
    RESPONSES,
    Client,
)
from tests.harness.server import Server
from tests.harness.waiting import wait_until

FREE_WITHIN_S = 1.0
LONG: dict[str, object] = {"prompt": "你好", "max_tokens": 900, "ignore_eos": True}
LONG_CHAT: dict[str, object] = {
    "messages": [{"role": "user", "message": "你好"}],
    "max_tokens": 900,
    "ignore_eos": True,
}
LONG_MESSAGE: dict[str, object] = {
    "messages": [{"role": "user", "content": "你好"}],
    "max_tokens": 900,
    "ignore_eos": True,
}
LONG_RESPONSE: dict[str, object] = {
    "input": "你好",
    "max_output_tokens": 900,
    "ignore_eos": True,
}


def long_prompts(first: int) -> list[list[int]]:
    """Prompts that take seconds of prefill; no two share a prefix."""
    return [[1] + [first + index] * 999 for index in range(120)]


MANY_PROMPTS: dict[str, object] = {"prompt": long_prompts(300), "max_tokens": 1}
MANY_INPUTS: dict[str, object] = {"input": long_prompts(300)}


def check_freed(http: Client, before: dict[str, float]) -> None:
    """Call right after a disconnect: the request must end and be counted as cancelled."""
    begin = time.monotonic()
    busy = before["requests_running"] + before["requests_waiting"]
    wait_until(lambda: http.in_flight() <= busy, lambda: str(http.metrics()), limit_s=FREE_WITHIN_S)
    print(f"free after {1000 * (time.monotonic() - begin):.0f} ms")
    after = http.metrics()
    assert after["requests_cancelled_total"] == before["requests_cancelled_total"] + 1
    for name in ("requests_completed_total", "requests_failed_total"):
        assert after[name] == before[name], name


def check_idle(http: Client) -> None:
    """No cancelled request generates: every token counted from now on was requested."""
    before = http.metrics()
    http.completion("你好", max_tokens=8, ignore_eos=True)
    after = http.metrics()
    assert after["generation_tokens_total"] == before["generation_tokens_total"] + 8
    assert after["kv_cache_usage_ratio"] == 0


@pytest.mark.parametrize(
    "path, body",
    [
        (COMPLETIONS, LONG),
        (CHAT, LONG_CHAT),
        (RESPONSES, LONG_RESPONSE),
        (MESSAGES, LONG_MESSAGE),
    ],
)
def test_in_the_middle_of_a_stream(http: Client, path: str, body: dict[str, object]) -> None:
    before = http.metrics()
    with http.open(path, {**body, "stream": True}) as stream:
        for _, (_, line) in zip(range(20), stream.lines(), strict=False):
            assert line.startswith(("data: ", "event: ", ": "))
        assert http.in_flight() == 1
    check_freed(http, before)
    check_idle(http)


@pytest.mark.parametrize(
    "path, body",
    [
        (COMPLETIONS, LONG),
        (CHAT, LONG_CHAT),
        (RESPONSES, LONG_RESPONSE),
        (MESSAGES, LONG_MESSAGE),
        (COMPLETIONS, MANY_PROMPTS),
        (EMBEDDINGS, MANY_INPUTS),
    ],
    ids=["completion", "chat", "response", "message", "long_prefill", "embeddings"],
)
def test_disconnect_without_streaming(http: Client, path: str, body: dict[str, object]) -> None:
    before = http.metrics()
    with http.open(path, body):
        wait_until(lambda: http.metrics()["requests_running"] == 1, lambda: "it never ran")
    check_freed(http, before)
    check_idle(http)


def test_in_a_long_prefill_of_a_stream(http: Client) -> None:
    before = http.metrics()
    body = {"prompt": long_prompts(700), "max_tokens": 1, "stream": True}
    body["return_progress"] = True
    with http.open(COMPLETIONS, body) as stream:
        line = next(line for _, line in stream.lines() if line.startswith(": "))
        assert line.startswith(": prefill "), line
    check_freed(http, before)
    check_idle(http)


@pytest.mark.parametrize("streamed", [True, False])
def test_in_the_queue(small_server: Server, streamed: bool) -> None:
    http = small_server.client
    with ExitStack() as stack:
        for _ in range(3):
            running = stack.enter_context(http.open(COMPLETIONS, {**LONG, "stream": True}))
            next(running.tokens())
        before = http.metrics()
        assert (before["requests_running"], before["requests_waiting"]) == (3, 0)
        with http.open(COMPLETIONS, {**LONG, "stream": streamed}):
            wait_until(lambda: http.metrics()["requests_waiting"] == 1, lambda: "it is not queued")
        check_freed(http, before)
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()), limit_s=FREE_WITHIN_S)
    check_idle(http)
