"""Seeded requests of every kind on the embedded model: a stream ends with the whole answer."""

from __future__ import annotations

import random
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.async_engine import AsyncEngine
from config import Config
from tests.api.test_responses import read, same

FEW, MANY = 16, 300
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["杭州", "北京", "上海"]}, "warm": {"type": "boolean"}},
    "required": ["city", "warm"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "name": "weather", "parameters": CITY}
FORMAT = {"type": "json_schema", "name": "city", "schema": CITY}


def body(seed: int) -> dict[str, Any]:
    """One request."""
    rng = random.Random(seed)
    text = rng.choice(["你好", "介绍一下西湖", "Tell me a story 😀", "杭州" * 50])
    user = {"role": "user", "content": [{"type": "input_text", "text": text}]}
    fields = {
        "input": rng.choice([text, [user], [user, {"role": "assistant", "content": "好"}, user]]),
        "seed": seed,
        "max_output_tokens": rng.randint(1, 40),
    }
    kinds: list[dict[str, Any]] = [
        {},
        {"instructions": "简短回答。", "temperature": rng.random() * 2},
        {"tools": [TOOL, {"type": "web_search"}]},
        {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 60},
        {"tools": [{**TOOL, "strict": True}], "text": {"format": FORMAT}},
        {"text": {"format": FORMAT}, "max_output_tokens": 60},
        {"include": ["message.output_text.logprobs"], "top_logprobs": rng.randint(0, 5)},
        {"stop": ["。"], "top_p": rng.random()},
    ]
    return {**fields, **kinds[seed % len(kinds)]}


def check(client: FlaskClient, seed: int) -> str:
    """Compare both answers; returns the status."""
    whole = client.post("/v1/responses", json=body(seed))
    assert whole.status_code == 200, whole.text
    stream = client.post("/v1/responses", json={**body(seed), "stream": True})
    response, last = whole.get_json(), read(stream.text)[-1]["response"]
    # The second one finds the first one's prompt in the cache.
    cached = [each["usage"].pop("input_tokens_details") for each in (response, last)]
    assert cached[0]["cached_tokens"] <= cached[1]["cached_tokens"]
    assert same(response) == same(last), seed
    return str(response["status"])


def test_streamed_is_whole(real_engine: AsyncEngine) -> None:
    client = create_app(Config(), real_engine).test_client()
    assert {check(client, seed) for seed in range(FEW)} == {"completed", "incomplete"}


@pytest.mark.figures
def test_streamed_is_whole_three_hundred_times(real_engine: AsyncEngine) -> None:
    client = create_app(Config(), real_engine).test_client()
    for seed in range(MANY):
        check(client, seed)
    stats = real_engine.stats
    assert stats.running == stats.waiting == 0
    assert stats.accepted == stats.completed + stats.failed + stats.cancelled
