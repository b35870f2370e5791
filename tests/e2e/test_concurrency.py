"""Concurrent requests: shared steps, no starvation, and the same bytes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client

LONG: dict[str, object] = {"prompt": "你好", "max_tokens": 400, "ignore_eos": True}


def test_sixteen_share_the_steps(http: Client) -> None:
    """A step computes a token of every answer. The throughput this brings is measured by
    benchmarks/online.py."""
    tokens, limit = 150, 1 / 3

    def steps(clients: int) -> float:
        before = http.metrics()["engine_steps_total"]
        body = {**LONG, "max_tokens": tokens}
        list(pool.map(lambda _: http.post(COMPLETIONS, body).ok(), range(clients)))
        return http.metrics()["engine_steps_total"] - before

    with ThreadPoolExecutor(16) as pool:
        alone, together = steps(1), steps(16)
    assert tokens <= alone <= tokens + 2
    print(f"16 at once took {together:.0f} steps, one alone {alone:.0f}")
    assert together < limit * 16 * alone


def test_a_short_request_does_not_wait_for_long_ones(http: Client) -> None:
    with ExitStack() as stack:
        streams = [
            stack.enter_context(http.open(COMPLETIONS, {**LONG, "stream": True})) for _ in range(8)
        ]
        for stream in streams:
            next(stream.tokens())
        start = time.monotonic()
        short = {"prompt": "你好", "max_tokens": 16, "ignore_eos": True, "stream": True}
        tokens = stack.enter_context(http.open(COMPLETIONS, short)).tokens()
        first = next(tokens)
        finished = http.metrics()["requests_running"]
        assert finished >= 8, "a long request had ended before the short one's first token"
        print(f"first token after {1000 * (first - start):.0f} ms beside 8 long requests")
        list(tokens)
        for stream in streams:
            last = [line for _, line in stream.lines()][-1]
            assert last == "data: [DONE]"


def test_embedding_many_sentences_does_not_stop_streams(http: Client) -> None:
    sentences = [f"第{index}句：今天天气真不错，我们去西湖吧。" for index in range(256)]
    times: list[list[float]] = [[] for _ in range(4)]

    def follow(mine: list[float]) -> None:
        with http.open(COMPLETIONS, {**LONG, "max_tokens": 900, "stream": True}) as stream:
            while not stop.is_set() and (at := next(stream.tokens(), None)) is not None:
                mine.append(at)
                started.release()

    stop, started = threading.Event(), threading.Semaphore(0)
    threads = [threading.Thread(target=follow, args=(mine,)) for mine in times]
    for thread in threads:
        thread.start()
    for _ in range(40):
        assert started.acquire(timeout=30)
    begin = time.monotonic()
    body = {"input": sentences, "encoding_format": "base64"}
    # Three, because one takes only half a second.
    calls = [http.post(EMBEDDINGS, body).ok()["data"] for _ in range(3)]
    end = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join()
    assert [len(vectors) for vectors in calls] == [256] * 3
    for mine in times:
        during = sum(begin < at < end for at in mine)
        assert during >= 10, f"{during} tokens in the {end - begin:.2f} s of the embeddings calls"


def test_a_request_gets_the_same_bytes_in_company(http: Client) -> None:
    """Promise A, over HTTP."""
    story = [{"role": "user", "content": "给我讲一些有关杭州的故事吧"}]
    observed: list[tuple[str, dict[str, Any]]] = [
        (COMPLETIONS, {"prompt": "告诉我中国的首都在哪里", "temperature": 0, "ignore_eos": True}),
        (COMPLETIONS, {"prompt": "介绍一下西湖", "temperature": 1.5, "top_k": 0, "seed": 11}),
        (CHAT, {"messages": story, "temperature": 1.0, "seed": 12, "n": 2}),
        (CHAT, {"messages": story, "seed": 13, "repetition_penalty": 1.2}),
        (EMBEDDINGS, {"input": ["今天天气真不错", "杭州" * 100]}),
    ]
    company: list[tuple[str, dict[str, Any]]] = [
        (COMPLETIONS, {"prompt": "西湖" * (9 * index + 1), "max_tokens": 20 + 5 * index})
        for index in range(14)
    ]
    company += [(EMBEDDINGS, {"input": ["你好"] * 64})] * 2

    def text(request: tuple[str, dict[str, Any]]) -> object:
        path, body = request
        answer = http.post(path, body).ok()
        return answer["data" if path == EMBEDDINGS else "choices"]

    with ThreadPoolExecutor(len(company) + 1) as pool:
        for request in observed:
            alone = text(request)
            others = [pool.submit(text, other) for other in company]
            assert pool.submit(text, request).result() == alone, request
            for other in others:
                other.result()
