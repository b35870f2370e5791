"""Streamed and whole answers of /v1/messages are the same blocks, over seeded requests: texts with
broken and whole emoji, calls that must match a schema, calls that are cut."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.shapes import Shapes
from tests.conformance.test_streamed_is_whole import TEXTS
from tests.harness.client import MESSAGES
from tests.harness.server import Server
from tests.message_events import added_up
from tests.named_events import read_named_events

CITY = {"enum": ["杭州", "北京", '\u2028"\\']}
Answers = list[dict[str, Any]]
CHECKED = 4  #: are held against /openapi.json as well
TOOLS = [
    {
        "name": "weather",
        "input_schema": {
            "type": "object",
            "properties": {"city": CITY, "days": {"type": "array", "items": CITY, "maxItems": 2}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
    {"type": "web_search_20260318", "name": "web_search"},
]


def request(number: int, *, tools: bool) -> dict[str, Any]:
    """The same for the same number. tools: some have them."""
    rng = random.Random(number)
    fields: dict[str, Any] = {"temperature": 1.5, "seed": number, "max_tokens": rng.randint(1, 24)}
    if rng.random() < 0.9:  # bytes in a row: halves of characters, and some whole ones
        lead = rng.sample(range(3 + 0xE4, 3 + 0xF5), 2)
        follow = rng.sample(range(3 + 0x80, 3 + 0xC0), 6)
        fields["logit_bias"] = {str(token): 14 for token in (*lead, *follow)}
    if rng.random() < 0.3:
        fields["stop_sequences"] = rng.sample(["\ufffd\ufffd", "的", "e", " ", "😀", "。"], 2)
    if rng.random() < 0.4 and tools:
        fields["tools"] = TOOLS
        fields["tool_choice"] = rng.choice([{"type": "any"}, {"type": "tool", "name": "weather"}])
        fields["max_tokens"] = rng.choice([40, 80, 160])
        fields.pop("logit_bias", None)
    if rng.random() < 0.3:
        fields["system"] = [{"type": "text", "text": rng.choice(TEXTS)}]
    return {"messages": [{"role": "user", "content": rng.choice(TEXTS)}], **fields}


def both_ways(server: Server, shapes: Shapes, requests: int, *, tools: bool) -> Answers:
    """The whole answers, which the streamed ones are compared with."""

    def both(number: int) -> dict[str, Any]:
        body = request(number, tools=tools)
        whole = server.client.post(MESSAGES, body).ok()
        events = read_named_events(server.client.post(MESSAGES, {**body, "stream": True}).body)
        if number < CHECKED:
            shapes.check_own("MessageBody", whole)
            for event in events:
                shapes.check_own("MessageEvent", event)
        assert comparable(added_up(events)) == comparable(whole), body
        return whole

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(both, range(requests)))


def test_streamed_is_whole_without_tools(server: Server, shapes: Shapes) -> None:
    answers = both_ways(server, shapes, 40, tools=False)
    reasons = {answer["stop_reason"] for answer in answers}
    assert reasons == {"end_turn", "max_tokens", "stop_sequence"}


@pytest.mark.parametrize("requests", [40, pytest.param(300, marks=pytest.mark.figures)])
def test_streamed_is_whole(server: Server, shapes: Shapes, requests: int) -> None:
    answers = both_ways(server, shapes, requests, tools=True)
    reasons = Counter(answer["stop_reason"] for answer in answers)
    assert set(reasons) == {"end_turn", "max_tokens", "stop_sequence", "tool_use"}, reasons
    texts = [block.get("text", "") for answer in answers for block in answer["content"]]
    assert sum("\ufffd" in text for text in texts) > requests / 10, "bytes that are no characters"
    calls = [b["input"] for a in answers for b in a["content"] if b["type"] == "tool_use"]
    assert len(calls) > requests / 5 and sum(map(bool, calls)) > requests / 10


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Without what is each answer's own, and without what was cached."""
    content = [{k: v for k, v in block.items() if k != "id"} for block in message["content"]]
    usage = message["usage"]
    tokens = usage["input_tokens"] + usage["cache_read_input_tokens"], usage["output_tokens"]
    return {**message, "id": "", "content": content, "usage": tokens}
