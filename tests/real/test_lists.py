"""Structured output of a real model, judged for sense: a mask must not change what it says."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest

from tests.harness.client import CHAT, Client

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
    "required": ["items"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
#: What is asked for, and words that members of it are made of; None: any words will do.
CLOSED = {
    "colours": "red blue green yellow white black purple orange pink brown gray grey indigo violet",
    "fruits": "apple banana orange grape grapefruit lemon mango pineapple strawberry cherry peach",
    "animals": "dog cat bird fish lion tiger bear horse cow elephant monkey rabbit mammal",
    "countries": "china india usa mexico russia brazil canada germany france japan united states",
    "vegetables": "tomato tomatoes carrot carrots onion onions pepper peppers broccoli spinach",
    "programming languages": "python java javascript c++ c# ruby php go rust swift c",
    "planets": "mercury venus earth mars jupiter saturn uranus neptune",
    "days of the week": "monday tuesday wednesday thursday friday saturday sunday",
    "metals": "aluminum copper gold iron silver mercury nickel titanium zinc lead tin steel",
    "cities in Europe": "london paris berlin rome madrid barcelona amsterdam prague vienna lisbon",
}
#: How models lay JSON out.
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {"indent": None},
    {"indent": 2},
    {"indent": 4},
]
EARLIER = {
    "pets": ["cat", "dog", "hamster", "rabbit", "goldfish"],
    "trees": ["oak", "pine", "birch", "maple", "willow"],
    "rooms": ["kitchen", "bedroom", "bathroom", "hall", "cellar"],
}


def ask(http: Client, messages: list[dict[str, str]], **fields: object) -> tuple[str, str]:
    """A greedy answer's text, and why it ended."""
    body = {"messages": messages, "temperature": 0, "max_tokens": 96, **fields}
    (choice,) = http.post(CHAT, body).ok()["choices"]
    return choice["message"]["content"], choice["finish_reason"]


def items(text: str) -> list[str]:
    """The list's items; of an answer cut by `max_tokens`, the whole ones."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    assert found[0] == "items"
    return [str(json.loads(f'"{each}"')) for each in found[1:]]


def sensible(what: str, answer: list[str]) -> int:
    """How many distinct members the list names; 0 where they are not most of its first five."""
    members = set(CLOSED[what].split())
    first = [item.lower() for item in answer[:5]]
    known = {item for item in first if members & set(re.split(r"[ ,.]+", item))}
    return len(known) if 2 * len(known) >= len(set(first)) else 0


def test_ten_lists(http: Client) -> None:
    def listed(what: str) -> tuple[str, str]:
        question = [{"role": "user", "content": f"List five {what}."}]
        return ask(http, question, response_format=FORMAT)

    with ThreadPoolExecutor(5) as pool:
        answers = dict(zip(CLOSED, pool.map(listed, CLOSED), strict=True))
    for text, reason in answers.values():
        assert re.match(r'\{\s*"items": ?\[', text), text
        if reason == "stop":
            jsonschema.validate(json.loads(text), SCHEMA)
    good = [what for what, (text, _) in answers.items() if sensible(what, items(text)) >= 3]
    assert len(good) >= 8, answers


@pytest.mark.figures
def test_what_was_valid_anyway_stays_the_same(http: Client) -> None:
    """Byte for byte: the layout, the items and the end. Earlier turns show the layout."""
    valid = 0
    for layout in LAYOUTS:
        shown: list[dict[str, str]] = []
        for what, listed in EARLIER.items():
            shown.append({"role": "user", "content": f"List five {what}."})
            shown.append({"role": "assistant", "content": json.dumps({"items": listed}, **layout)})
        for what in ("rooms", "trees", "fruits", "metals"):
            messages = [*shown, {"role": "user", "content": f"List five {what}."}]
            free = ask(http, messages)
            try:
                jsonschema.validate(json.loads(free[0]), SCHEMA)
            except (json.JSONDecodeError, jsonschema.ValidationError):
                continue
            valid += 1
            assert ask(http, messages, response_format=FORMAT) == free
    assert valid >= 6


def test_any_object_as_the_model_writes_it(http: Client) -> None:
    """json_object: laid out over lines, with the keys that were asked for."""
    question = "Describe a cat as a JSON object with the keys name, age and color."
    text, reason = ask(
        http,
        [{"role": "user", "content": question}],
        response_format={"type": "json_object"},
        max_tokens=160,
    )
    assert reason == "stop"
    assert {"name", "age", "color"} <= set(json.loads(text)), text
    assert "\n" in text
