"""`response_format`: answers that keep to a JSON schema, whatever the model would rather say.

Knows nothing about grammars; every answer is held against its schema by another library.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import jsonschema
import openai
import pytest
from pydantic import BaseModel, Field

from tests.conformance.asking import MESSAGES
from tests.harness.client import CHAT
from tests.harness.server import Server

MODEL = "chinese-llama-alpaca"
SCHEMAS: list[dict[str, Any]] = [
    {
        "type": "object",
        "properties": {
            "city": {"enum": ["杭州", "北京", "\"quoted\""]},
            "sights": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 3},
            "lakes": {"type": "integer", "minimum": 0, "maximum": 99},
            "open": {"type": ["boolean", "null"]},
        },
        "required": ["city", "sights", "lakes", "open"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4},
    {"type": "string", "pattern": "^[a-c]{3,6}$"},
    {"anyOf": [{"const": 7}, {"type": "object", "properties": {"a": {"const": "é😀"}},
                              "required": ["a"], "additionalProperties": False}]},
]  # fmt: skip


class Lake(BaseModel):
    """What the SDK turns into a schema, and the answer into."""

    name: Literal["西湖", "东湖"]
    size: int = Field(ge=0, le=50)
    famous: bool


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize("number", range(len(SCHEMAS)))
@pytest.mark.parametrize("temperature", [0, 1.5])
def test_answers_keep_to_their_schema(server: Server, number: int, temperature: float) -> None:
    schema = SCHEMAS[number]
    for seed in range(6):
        body = {
            **MESSAGES, "response_format": wrapped(schema), "temperature": temperature,
            "seed": seed, "max_tokens": 200,
        }  # fmt: skip
        answer = server.client.post(CHAT, body).ok()["choices"][0]
        assert answer["finish_reason"] == "stop"
        jsonschema.validate(json.loads(answer["message"]["content"]), schema)


def test_choices_each_keep_to_it_beside_free_ones(server: Server) -> None:
    body = {**MESSAGES, "response_format": wrapped(SCHEMAS[0]), "n": 4, "seed": 5, "temperature": 1}
    choices = server.client.post(CHAT, body).ok()["choices"]
    texts = [choice["message"]["content"] for choice in choices]
    for text in texts:
        jsonschema.validate(json.loads(text), SCHEMAS[0])
    assert len(set(texts)) > 1
    again = server.client.post(CHAT, body).ok()["choices"]
    assert [choice["message"]["content"] for choice in again] == texts


def test_any_object(server: Server) -> None:
    body = {**MESSAGES, "response_format": {"type": "json_object"}, "temperature": 0}
    choice = server.client.post(CHAT, {**body, "max_tokens": 300}).ok()["choices"][0]
    assert choice["message"]["content"].startswith("{")
    if choice["finish_reason"] == "stop":
        assert isinstance(json.loads(choice["message"]["content"]), dict)


def test_text_is_free(server: Server) -> None:
    plain = {**MESSAGES, "temperature": 0}
    free = server.client.post(CHAT, {**plain, "response_format": {"type": "text"}}).ok()
    assert free["choices"] == server.client.post(CHAT, plain).ok()["choices"]


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "https://example.com/a"}, {"pattern": "("}]
)
def test_a_schema_nothing_can_keep_to_is_refused(server: Server, schema: dict[str, Any]) -> None:
    answer = server.client.post(CHAT, {**MESSAGES, "response_format": wrapped(schema)})
    assert answer.status == 400
    assert answer.json()["error"]["param"] == "response_format.json_schema.schema"


def test_the_sdk_parses_into_a_model(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.parse(model=MODEL, **MESSAGES, response_format=Lake)
    assert isinstance(answer.choices[0].message.parsed, Lake)


def test_the_sdk_parses_a_stream_into_a_model(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model=MODEL, **MESSAGES, response_format=Lake) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert isinstance(final.choices[0].message.parsed, Lake)


def test_the_async_sdk_parses_into_a_model(server: Server) -> None:
    async def ask() -> Lake | None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            answer = await client.chat.completions.parse(
                model=MODEL, **MESSAGES, response_format=Lake
            )
            return answer.choices[0].message.parsed

    assert isinstance(asyncio.run(ask()), Lake)


def test_a_text_that_is_gone_on_with_begins_the_answer(server: Server) -> None:
    schema = SCHEMAS[0]
    for begun in ('{"city":"', '{"city":"杭州","sights":["'):
        told = [*MESSAGES["messages"], {"role": "assistant", "content": begun}]
        body = {"messages": told, "continue_final_message": True, "max_tokens": 200}
        body |= {"response_format": wrapped(schema), "temperature": 1, "seed": 3}
        choice = server.client.post(CHAT, body).ok()["choices"][0]
        assert choice["finish_reason"] == "stop"
        jsonschema.validate(json.loads(begun + choice["message"]["content"]), schema)


@pytest.mark.parametrize("begun", ["Sure: {", '{"town":', "[", '{"city":"杭州",,', "{}"])
def test_a_text_that_fits_no_answer_is_refused(server: Server, begun: str) -> None:
    told = [*MESSAGES["messages"], {"role": "assistant", "content": begun}]
    body = {"messages": told, "continue_final_message": True}
    for stream in (False, True):
        held = {"stream": stream, "response_format": wrapped(SCHEMAS[0])}
        reply = server.client.post(CHAT, {**body, **held})
        assert reply.status == 400 and reply.error()["param"] == "messages", reply.body


def test_keys_that_steer_the_library_are_named_and_do_nothing(server: Server) -> None:
    schema = {"type": "object", "properties": {"x-guidance": {"type": "integer", "lenient": True}},
              "required": ["x-guidance"], "additionalProperties": False,
              "x-guidance": {"whitespace_flexible": True, "item_separator": ";"}}  # fmt: skip
    body = {**MESSAGES, "response_format": wrapped(schema), "temperature": 0, "max_tokens": 60}
    reply = server.client.post(CHAT, body)
    path = "response_format.json_schema.schema."
    named = reply.headers["x-ignored-parameters"].split(", ")
    assert named == [f"{path}properties.x-guidance.lenient", f"{path}x-guidance"]
    answer = reply.ok()["choices"][0]
    if answer["finish_reason"] == "stop":
        jsonschema.validate(json.loads(answer["message"]["content"]), schema)
    hidden = {**schema, "uniqueItems": True}  # the library says no; x-guidance may not overrule it
    hidden["x-guidance"] = {"lenient": True}
    refused = server.client.post(CHAT, {**body, "response_format": wrapped(hidden)})
    assert refused.status == 400 and "uniqueItems" in refused.error()["message"]


@pytest.mark.parametrize("name", ["\\u006c\\u0061kes", "l\\u0061kes"])
def test_a_name_has_one_spelling(server: Server, name: str) -> None:
    """Or a property would be anything under another spelling of its name."""
    schema = {"type": "object", "properties": {"lakes": {"type": "integer"}}}
    told = [*MESSAGES["messages"], {"role": "assistant", "content": f'{{"{name}":'}]
    body = {"messages": told, "continue_final_message": True, "response_format": wrapped(schema)}
    assert server.client.post(CHAT, body).status == 400


@pytest.mark.parametrize("stream", [False, True])
def test_max_tokens_is_a_length(server: Server, stream: bool) -> None:
    body = {**MESSAGES, "response_format": wrapped(SCHEMAS[0]), "max_tokens": 3}
    if stream:
        events = server.client.stream(CHAT, body)
        choices = [choice for chunk in events.chunks for choice in chunk["choices"]]
    else:
        choices = server.client.post(CHAT, body).ok()["choices"]
    assert choices[-1]["finish_reason"] == "length"
