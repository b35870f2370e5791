"""`structured_outputs` and its other names: every finished answer matches."""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.asking import WAYS, Asker, Way
from tests.harness.client import COMPLETIONS
from tests.harness.server import Server

LETTERS = "abcxyz0189-_ .,/\"'杭州西湖是😀é"
ROWS = 16
#: As many of each kind.
COUNT = 200


def random_regex(rng: random.Random, depth: int = 3) -> str:
    """A regular expression whose matches are short."""
    shape = rng.random()
    if depth == 0 or shape < 0.25:
        return "".join(re.escape(letter) for letter in rng.choices(LETTERS, k=rng.randint(1, 4)))
    if shape < 0.5:
        counts = ("", "?", "{2}", "{1,3}", "{0,2}")
        classes = (r"\d", r"\w", "[a-f]", "[^a-z]", "[杭州😀]", "[^\\s\\d]", ".", r"[\-\]]")
        return rng.choice(classes) + rng.choice(counts)
    parts = [random_regex(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    if shape < 0.75:
        return f"({'|'.join(parts)})" + rng.choice(("", "?", "{1,2}"))
    return "".join(parts)


def random_choices(rng: random.Random) -> list[str]:
    """Texts of which some begin others."""
    texts = ["".join(rng.choices(LETTERS, k=rng.randint(1, 6))) for _ in range(rng.randint(1, 8))]
    return texts + [text + rng.choice(LETTERS) for text in texts if rng.random() < 0.5]


def answers(server: Server, requests: list[dict[str, Any]], rows: int) -> list[tuple[str, str]]:
    """Text and finish reason of each, `rows` at once."""

    def answer(request: dict[str, Any]) -> tuple[str, str]:
        body = {"prompt": "说", "prompt_template": "none", "temperature": 1, "top_p": 1, **request}
        choice = server.client.post(COMPLETIONS, {**body, "max_tokens": 24}).ok()["choices"][0]
        return choice["text"], choice["finish_reason"]

    with ThreadPoolExecutor(rows) as pool:
        return list(pool.map(answer, requests))


def test_random_regexes_and_choices(server: Server) -> None:
    rng = random.Random(17)
    regexes = [random_regex(rng) for _ in range(COUNT)]
    lists = [random_choices(rng) for _ in range(COUNT)]
    fields: list[dict[str, Any]] = [
        *({"structured_outputs": {"regex": regex}} for regex in regexes),
        *({"guided_choice": choices} for choices in lists),
    ]
    requests = [{**each, "seed": seed} for seed, each in enumerate(fields)]
    together = answers(server, requests, ROWS)
    finished = 0
    for number, (text, reason) in enumerate(together):
        if reason != "stop":
            continue
        finished += 1
        if number < COUNT:
            assert re.fullmatch(regexes[number], text), (regexes[number], text)
        else:
            assert text in lists[number - COUNT], (lists[number - COUNT], text)
    assert finished > 0.9 * len(requests)
    assert answers(server, requests[::40], 1) == together[::40]


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 99, "minimum": 0}},
          "required": ["a"], "additionalProperties": False}  # fmt: skip
NUMBER = r'\{\s*"a"\s*:\s*[0-9]{1,2}\s*\}'
TAGS = {"structures": [{"begin": "<a>", "schema": SCHEMA, "end": "</a>"}], "triggers": ["<"]}
FORMATS: list[tuple[dict[str, Any], str]] = [
    ({"structured_outputs": {"json": SCHEMA}}, NUMBER),
    ({"response_format": {"type": "json_object", "schema": SCHEMA}}, NUMBER),
    ({"structured_outputs": {"regex": " (杭州|😀)[0-9]{3}"}}, " (杭州|😀)[0-9]{3}"),
    ({"structured_outputs": {"choice": [" 杭", " 杭州", "😀"]}}, " 杭| 杭州|😀"),
    ({"structured_outputs": {"grammar": 'start: "<" x ">"\nx: %json {"enum": ["é", 7]}'}},
     '<("é"|7)>'),
    ({"guided_grammar": 'root ::= "a" b\nb ::= [0-9]{2} | "中"'}, "a([0-9]{2}|中)"),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("number", range(len(FORMATS)))
def test_every_kind_on_every_route(ask: Asker, way: Way, number: int) -> None:
    fields, pattern = FORMATS[number]
    choice = ask(way, **fields, max_tokens=60, temperature=1.5, seed=3).choices[0]
    assert choice.reason == "stop"
    assert re.fullmatch(pattern, choice.text), choice.text


def test_structural_tags(server: Server) -> None:
    """What the tags hold matches; the text before the trigger is the model's own."""
    bare = {"prompt": "<", "prompt_template": "none", "add_special_tokens": False}
    trigger = server.client.post("/tokenize", bare).ok()["tokens"][-1]
    body = {"prompt": "a", "structural_tag": TAGS, "max_tokens": 40, "temperature": 1.2}
    found = 0
    for seed in range(3):
        body |= {"seed": seed, "logit_bias": {str(trigger): 30}}
        text = server.client.post(COMPLETIONS, body).ok()["choices"][0]["text"]
        for inside in re.findall("<a(.*?)</a>", text, re.DOTALL):
            assert re.fullmatch(">" + NUMBER, inside), text
            found += 1
    assert found


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"structured_outputs": {"regex": "(a"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"regex": "(?=a)b"}}, "structured_outputs.regex"),
        ({"guided_regex": r"[^\s\S]"}, "guided_regex"),
        ({"structured_outputs": {"grammar": "start: [^"}}, "structured_outputs.grammar"),
        ({"grammar": 'root ::= "a" b'}, "grammar"),
        ({"structured_outputs": {"grammar": 'start: x\nx: x "a"'}}, "structured_outputs.grammar"),
        ({"structured_outputs": {"json": {"type": "no"}}}, "structured_outputs.json"),
        ({"response_format": {"type": "json_object", "schema": {"$ref": "#/x"}}},
         "response_format.schema"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_impossible_ones_are_refused_at_once(
    server: Server, fields: dict[str, Any], param: str, stream: bool
) -> None:
    server.client.post(COMPLETIONS, {"prompt": "a", "regex": "a"})  # the child is there
    started_at = time.monotonic()
    reply = server.client.post(COMPLETIONS, {"prompt": "a", "stream": stream, **fields})
    assert reply.status == 400 and reply.error()["param"] == param, reply.body
    assert time.monotonic() - started_at < 1
