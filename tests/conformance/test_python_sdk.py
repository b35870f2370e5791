"""The openai package, unmodified: its nulls, batch sizes, streams, raw answers and retries.

Knows nothing about the wire; tests/e2e/test_openai_sdk.py has the plain calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import openai
import pytest

from tests.conformance.asking import MESSAGES, PROMPT
from tests.harness.client import COMPLETIONS
from tests.harness.server import Server
from tests.harness.waiting import wait_until

MODEL = "chinese-llama-alpaca"


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@contextmanager
def full(server: Server) -> Iterator[None]:
    """The server takes no further request until the block ends. n: a fast upstream would be done
    with one answer each before a client has started."""
    body = {"prompt": "你好", "max_tokens": 900, "ignore_eos": True, "stream": True, "n": 8}
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(server.client.open(COMPLETIONS, body))
        wait_until(lambda: server.client.in_flight() == 4, lambda: "not full")
        yield


def refused(server: Server, path: str) -> float:
    """How many requests got 503."""
    labels = f'method="POST",route="{path}",status="503"'
    return server.client.metrics().get(f"http_requests_total{{{labels}}}", 0.0)


def test_its_nulls(sdk: openai.OpenAI) -> None:
    none: dict[str, Any] = dict.fromkeys(
        ("frequency_penalty", "logit_bias", "max_tokens", "n", "presence_penalty", "seed", "stop")
    )
    text = sdk.completions.create(
        model=MODEL, **PROMPT, temperature=0, best_of=None, echo=None, logprobs=None, **none
    )
    assert text.choices[0].text
    chat = sdk.chat.completions.create(
        model=MODEL,
        **MESSAGES,
        temperature=0,
        max_completion_tokens=None,
        response_format=openai.omit,
        logprobs=None,
        top_logprobs=None,
        **none,
    )
    assert chat.choices[0].message.content and chat.choices[0].message.refusal is None


def test_a_thousand_inputs(sdk: openai.OpenAI) -> None:
    inputs = [f"第{number}句" for number in range(1000)]
    answer = sdk.embeddings.create(model=MODEL, input=inputs)
    assert [item.index for item in answer.data] == list(range(1000))
    alone = sdk.embeddings.create(model=MODEL, input=inputs[617])
    assert alone.data[0].embedding == answer.data[617].embedding
    ids = sdk.embeddings.create(model=MODEL, input=[[1, 300 + number] for number in range(1000)])
    assert len(ids.data) == 1000


def test_twenty_prompts(sdk: openai.OpenAI) -> None:
    prompts = [f"{number}加{number}等于几" for number in range(20)]
    answer = sdk.completions.create(model=MODEL, prompt=prompts, temperature=0, max_tokens=8)
    assert [choice.index for choice in answer.choices] == list(range(20))
    alone = sdk.completions.create(model=MODEL, prompt=prompts[7], temperature=0, max_tokens=8)
    assert alone.choices[0].text == answer.choices[7].text


def test_logprobs_read_as_its_types(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": MODEL, "max_tokens": 6, "seed": 1}
    text = sdk.completions.create(**PROMPT, logprobs=2, **fields).choices[0].logprobs
    assert text is not None and text.tokens is not None and text.token_logprobs is not None
    assert len(text.tokens) == len(text.token_logprobs) == 6
    chat = sdk.chat.completions.create(**MESSAGES, logprobs=True, top_logprobs=2, **fields)
    logprobs = chat.choices[0].logprobs
    assert logprobs is not None and logprobs.content is not None
    assert [len(entry.top_logprobs) for entry in logprobs.content] == [2] * 6
    # The helper takes an answer that is cut for a failure, so this one runs to its end.
    ending: dict[str, Any] = {"model": MODEL, "temperature": 0, "logprobs": True}
    chat = sdk.chat.completions.create(**MESSAGES, **ending)
    logprobs = chat.choices[0].logprobs
    usage: Any = {"include_usage": True}
    with sdk.chat.completions.stream(**MESSAGES, stream_options=usage, **ending) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done", "logprobs.content.delta"} <= kinds
    assert final.choices[0].logprobs == logprobs
    assert final.usage is not None and chat.usage is not None
    assert final.usage.completion_tokens == chat.usage.completion_tokens


def test_raw_answers(sdk: openai.OpenAI) -> None:
    raw = sdk.completions.with_raw_response.create(model=MODEL, **PROMPT, max_tokens=1)
    assert raw.request_id and raw.request_id == raw.headers["x-request-id"]
    named = sdk.completions.with_raw_response.create(
        model=MODEL, **PROMPT, max_tokens=1, extra_headers={"X-Request-Id": "mine-1"}
    )
    assert named.request_id == "mine-1"


def test_a_stream_that_is_left(sdk: openai.OpenAI, server: Server) -> None:
    with sdk.chat.completions.create(
        model=MODEL, **MESSAGES, stream=True, extra_body={"ignore_eos": True}
    ) as stream:
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
    wait_until(lambda: server.client.in_flight() == 0, lambda: "still running")


def test_retries_until_there_is_room(small_server: Server) -> None:
    before = refused(small_server, COMPLETIONS)
    with openai.OpenAI(base_url=f"{small_server.url}/v1", api_key="none", max_retries=4) as sdk:
        with full(small_server):
            impatient = sdk.with_options(max_retries=0)
            with pytest.raises(openai.InternalServerError) as busy:
                impatient.completions.create(model=MODEL, **PROMPT)
            assert (busy.value.status_code, busy.value.code) == (503, "overloaded")
            answers: list[str] = []
            thread = threading.Thread(
                target=lambda: answers.append(
                    sdk.completions.create(model=MODEL, **PROMPT, temperature=0).choices[0].text
                )
            )
            thread.start()
            wait_until(lambda: refused(small_server, COMPLETIONS) >= before + 2, lambda: "no retry")
        thread.join(30)
    assert answers and answers[0]


def test_async_streams_side_by_side(server: Server) -> None:
    async def one(client: openai.AsyncOpenAI, seed: int) -> str:
        stream = await client.chat.completions.create(
            model=MODEL, **MESSAGES, stream=True, seed=seed, temperature=1.5, max_tokens=30
        )
        parts = [c.delta.content or "" async for chunk in stream for c in chunk.choices]
        return "".join(parts)

    async def talk() -> None:
        base = f"{server.url}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key="none") as client:
            together = await asyncio.gather(*(one(client, seed) for seed in range(12)))
            assert [await one(client, seed) for seed in range(12)] == together

    asyncio.run(talk())
