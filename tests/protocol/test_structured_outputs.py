"""`structured_outputs`, its aliases and `response_format`, as they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.protocol.aliases import FIELD_ALIASES
from app.protocol.answer_format import AnswerFormat, read_answer_format
from app.protocol.errors import BadRequest
from app.protocol.loading import ignored_fields, load
from app.protocol.sampling import GenerationSchema
from app.structured_output.structured_output import StructuredOutputKind as Kind

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TAGS = {
    "structures": [{"begin": "<a>", "schema": SCHEMA, "end": "</a>"}],
    "triggers": ["<a"],
}
VALUES: dict[str, tuple[Any, Kind, Any]] = {
    "json": (SCHEMA, Kind.JSON_SCHEMA, SCHEMA),
    "regex": ("a+", Kind.REGEX, "a+"),
    "choice": (["杭州", "杭", ""], Kind.CHOICE, ["杭州", "杭", ""]),
    "grammar": ('start: "a"', Kind.GRAMMAR, 'start: "a"'),
    "structural_tag": (TAGS, Kind.STRUCTURAL_TAG, TAGS),
}


def read(fields: dict[str, Any]) -> AnswerFormat | None:
    return read_answer_format(load(GenerationSchema(), fields))


def check(answer_format: AnswerFormat | None, key: str, path: str) -> None:
    """It is the one of VALUES, and the request has it at `path`."""
    _, kind, meant = VALUES[key]
    assert answer_format is not None
    text = answer_format.output.text
    told = text if kind in (Kind.REGEX, Kind.GRAMMAR) else json.loads(text)
    assert (answer_format.output.kind, told, answer_format.path) == (kind, meant, path)


@pytest.mark.parametrize("key", VALUES)
def test_each_key(key: str) -> None:
    check(read({"structured_outputs": {key: VALUES[key][0]}}), key, f"structured_outputs.{key}")


@pytest.mark.parametrize("alias", [name for name, key in FIELD_ALIASES.items() if "." in key])
def test_aliases(alias: str) -> None:
    key = FIELD_ALIASES[alias].partition(".")[2]
    check(read({alias: VALUES[key][0]}), key, alias)


@pytest.mark.parametrize("key", ["json", "structural_tag"])
def test_objects_may_be_json_text(key: str) -> None:
    text = json.dumps(VALUES[key][0])
    check(read({"structured_outputs": {key: text}}), key, f"structured_outputs.{key}")


def test_any_object() -> None:
    answer_format = read({"structured_outputs": {"json_object": True}})
    assert answer_format is not None and json.loads(answer_format.output.text) == {"type": "object"}


def test_structural_tags_as_a_response_format() -> None:
    answer_format = read({"response_format": {"type": "structural_tag", **TAGS}})
    check(answer_format, "structural_tag", "response_format")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"structured_outputs": None, "response_format": {"type": "text"}},
        {"regex": "", "grammar": "", "ebnf": "", "guided_choice": None},
    ],
)
def test_nothing_is_asked_for(fields: dict[str, Any]) -> None:
    assert read(fields) is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": {"json_object": False}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "structured_outputs"),
        ({"structured_outputs": "a"}, "structured_outputs"),
        ({"structured_outputs": {"regex": ""}}, "structured_outputs.regex"),
        ({"structured_outputs": {"regex": ["a"]}}, "structured_outputs.regex"),
        ({"structured_outputs": {"json": "[1"}}, "structured_outputs.json"),
        ({"structured_outputs": {"json": '{"a": 1, "a": 2}'}}, "structured_outputs.json"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"structured_outputs": {"choice": ["a", 1]}}, "structured_outputs.choice.1"),
        (
            {"structured_outputs": {"regex": "a", "whitespace_pattern": " "}},
            "structured_outputs.whitespace_pattern",
        ),
        ({"guided_choice": [1]}, "guided_choice.0"),
        ({"guided_json": 1}, "guided_json"),
        ({"guided_regex": "a", "guided_choice": ["a"]}, "guided_choice"),
        ({"response_format": {"type": "json_object"}, "regex": "a"}, "regex"),
        ({"regex": "a", "num_beams": 2}, "regex"),
        ({"structural_tag": {**TAGS, "format": {}}}, "structural_tag.format"),
        ({"structural_tag": {**TAGS, "triggers": []}}, "structural_tag.triggers"),
        ({"structural_tag": {**TAGS, "triggers": [""]}}, "structural_tag.triggers.0"),
        (
            {"structural_tag": {**TAGS, "triggers": ["<b"]}},
            "structural_tag.structures.0.begin",
        ),
        (
            {"structured_outputs": {"structural_tag": {**TAGS, "structures": [{"begin": "<a"}]}}},
            "structured_outputs.structural_tag.structures.0.end",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(fields)
    assert caught.value.param == param


def test_what_nothing_reads_is_named() -> None:
    schema = {**SCHEMA, "minLenght": 1}
    tags = {**TAGS, "structures": [{**TAGS["structures"][0], "schema": schema}]}  # type: ignore[dict-item]
    for fields, path in (
        ({"structured_outputs": {"json": schema, "x": 1}}, "structured_outputs"),
        ({"guided_json": json.dumps(schema)}, "guided_json"),
        ({"structural_tag": tags}, "structural_tag"),
    ):
        ignored = ignored_fields(GenerationSchema(), fields)
        assert any(name.startswith(path) and name.endswith("minLenght") for name in ignored)
        assert ("structured_outputs.x" in ignored) is (path == "structured_outputs")
