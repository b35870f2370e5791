"""Client code of the openai package; only `base_url` differs from OpenAI's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.harness.server import Server

MODEL = "chinese-llama-alpaca"
PROMPT = "告诉我中国的首都在哪里"
MESSAGES: Any = [
    {"role": "system", "content": "你是一个乐于助人的助手。"},
    {"role": "user", "content": "给我讲一些有关杭州的故事吧"},
]
#: Greedy, and sampled with a seed: both must be reproducible.
REPEATABLE: list[dict[str, Any]] = [{"temperature": 0}, {"temperature": 1.2, "seed": 7}]


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        yield client


def async_sdk(server: Server) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none")


def strict(kind: Any, raw: Any) -> Any:
    """The response as the package's type, without conversion."""
    return kind.model_validate_json(raw.http_response.content, strict=True)


def test_completion(sdk: openai.OpenAI) -> None:
    raw = sdk.completions.with_raw_response.create(model=MODEL, prompt=PROMPT, temperature=0)
    answer = strict(Completion, raw)
    assert answer.object == "text_completion" and answer.model == MODEL
    assert "北京" in answer.choices[0].text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("fields", REPEATABLE, ids=["greedy", "seeded"])
def test_completion_streamed(sdk: openai.OpenAI, fields: dict[str, Any]) -> None:
    # Once before, so that both find the same prefix in the cache.
    sdk.completions.create(model=MODEL, prompt="介绍一下西湖", max_tokens=1)
    whole = sdk.completions.create(model=MODEL, prompt="介绍一下西湖", max_tokens=60, **fields)
    stream = sdk.completions.create(
        model=MODEL,
        prompt="介绍一下西湖",
        max_tokens=60,
        stream=True,
        stream_options={"include_usage": True},
        **fields,
    )
    chunks = list(stream)
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert "".join(c.text for chunk in chunks for c in chunk.choices) == whole.choices[0].text
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices]
    assert reasons[-1] == whole.choices[0].finish_reason and not any(reasons[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage


def test_chat(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, temperature=0, max_tokens=60
    )
    answer = strict(ChatCompletion, raw)
    (choice,) = answer.choices
    assert (choice.index, choice.message.role) == (0, "assistant")
    assert choice.message.content


@pytest.mark.parametrize("fields", REPEATABLE, ids=["greedy", "seeded"])
def test_chat_streamed(sdk: openai.OpenAI, fields: dict[str, Any]) -> None:
    fields = {"model": MODEL, "messages": MESSAGES, "max_tokens": 60, **fields}
    whole = sdk.chat.completions.create(**fields)
    chunks = list(sdk.chat.completions.create(**fields, stream=True))
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk.model_dump_json(), strict=True)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert not chunks[0].choices[0].delta.content
    text = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_chat_without_max_tokens_uses_the_context(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model=MODEL, messages=MESSAGES, temperature=0, extra_body={"ignore_eos": True}
    )
    limit = sdk.models.retrieve(MODEL).model_extra or {}
    assert answer.usage is not None
    assert answer.usage.total_tokens == limit["max_model_len"]
    assert answer.choices[0].finish_reason == "length"


def test_the_stream_helper_puts_the_answer_together(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": MODEL, "messages": MESSAGES, "seed": 3, "max_tokens": 40}
    whole = sdk.chat.completions.create(**fields)
    with sdk.chat.completions.stream(**fields) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == whole.choices[0].message.content


def test_several_choices(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": MODEL, "temperature": 2.0, "seed": 5, "max_tokens": 60}
    fields["extra_body"] = {"ignore_eos": True}  # a short response may be equal by chance
    whole = sdk.chat.completions.create(messages=MESSAGES, n=2, **fields)
    assert [choice.index for choice in whole.choices] == [0, 1]
    texts = [choice.message.content for choice in whole.choices]
    assert texts[0] != texts[1]
    streamed = ["", ""]
    for chunk in sdk.chat.completions.create(messages=MESSAGES, n=2, stream=True, **fields):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts


def test_prompt_lists_and_token_ids(sdk: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"model": MODEL, "temperature": 0, "max_tokens": 20}
    prompts = [PROMPT, "介绍一下西湖", "你好"]
    together = sdk.completions.create(prompt=prompts, **fields)
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    alone = [sdk.completions.create(prompt=p, **fields).choices[0].text for p in prompts]
    assert [choice.text for choice in together.choices] == alone
    ids = [1, 300, 301, 302]
    by_id = sdk.completions.create(prompt=ids, **fields)
    assert by_id.usage is not None and by_id.usage.prompt_tokens == len(ids)
    both = sdk.completions.create(prompt=[ids, ids[:2]], **fields)
    assert both.choices[0].text == by_id.choices[0].text
    assert both.usage is not None and both.usage.prompt_tokens == 6


def test_embeddings(sdk: openai.OpenAI) -> None:
    texts = ["今天天气真不错", "杭州"]
    # The package requests base64 and decodes it.
    by_default = sdk.embeddings.create(model=MODEL, input=texts)
    raw = sdk.embeddings.with_raw_response.create(model=MODEL, input=texts, encoding_format="float")
    as_floats = strict(CreateEmbeddingResponse, raw)
    assert [item.index for item in by_default.data] == [0, 1]
    for default, plain in zip(by_default.data, as_floats.data, strict=True):
        assert default.embedding == pytest.approx(plain.embedding, abs=1e-7)
    assert by_default.usage == as_floats.usage
    alone = sdk.embeddings.create(model=MODEL, input=texts[1])
    assert alone.data[0].embedding == by_default.data[1].embedding
    short = sdk.embeddings.create(model=MODEL, input=texts[1], dimensions=8)
    assert len(short.data[0].embedding) == 8


def test_models(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == [MODEL]
    assert sdk.models.retrieve(MODEL).owned_by == "westlake"


def test_errors(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.completions.create(model=MODEL, prompt=PROMPT, temperature=3)
    assert bad.value.param == "temperature" and bad.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": 5}])  # type: ignore[misc,list-item]
    assert bad.value.param == "messages.0.content"
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.completions.create(model=MODEL, prompt=PROMPT * 2000)
    assert (bad.value.param, bad.value.code) == ("prompt", "context_length_exceeded")
    with pytest.raises(openai.BadRequestError) as bad:
        sdk.embeddings.create(model=MODEL, input=["a", ""])
    assert bad.value.param == "input.1"
    with pytest.raises(openai.NotFoundError) as missing:
        sdk.chat.completions.create(model="gpt-4", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=MESSAGES, functions=[{"name": "f"}])
    assert refused.value.param == "functions"
    assert (
        "北京" in sdk.completions.create(model=MODEL, prompt=PROMPT, temperature=0).choices[0].text
    )


def test_async(server: Server) -> None:
    async def talk() -> None:
        async with async_sdk(server) as sdk:
            fields: dict[str, Any] = {"model": MODEL, "max_tokens": 40, "seed": 2}
            text, chat, vectors, text_stream, chat_stream = await asyncio.gather(
                sdk.completions.create(prompt=PROMPT, **fields),
                sdk.chat.completions.create(messages=MESSAGES, **fields),
                sdk.embeddings.create(model=MODEL, input=[PROMPT]),
                sdk.completions.create(prompt=PROMPT, stream=True, **fields),
                sdk.chat.completions.create(messages=MESSAGES, stream=True, **fields),
            )
            texts = [c.text async for chunk in text_stream for c in chunk.choices]
            assert "".join(texts) == text.choices[0].text
            turns = [c.delta.content or "" async for chunk in chat_stream for c in chunk.choices]
            assert "".join(turns) == chat.choices[0].message.content
            assert len(vectors.data[0].embedding) > 8
            with pytest.raises(openai.NotFoundError):
                await sdk.completions.create(model="gpt-4", prompt=PROMPT)

    asyncio.run(talk())
