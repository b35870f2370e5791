"""A call's arguments go back to the model as the text that it wrote, so that the cached prefix
still fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.generation.rendering import to_chat_message
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.sandbox.json_object import JsonObject, dump_json
from app.prompts.tool_text import tool_calls_as_text
from app.protocol.messages import Messages
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

FAMILIES = Path(__file__).parent / "families"
NAMES = ("hermes", "llama-3.1", "mistral-3", "mistral-nemo", "qwen2.5", "qwen3", "chatml", "yi")
#: What `json.dumps` would write otherwise.
TEXTS = (
    '{"city":"杭州","days":3}',
    '{ "city" : "\\u676d\\u5dde" }',
    '{"a": 1.50, "b": 1e3, "c": {"d":[1,2]}}',
    '{\n  "a": "b"\n}',
    '{"a": "b/c", "d": "e\\/f"}',
)


def messages(arguments: Any) -> list[dict[str, Any]]:
    function = {"name": "get_weather", "arguments": arguments}
    call = {"id": "call00001", "type": "function", "function": function}
    return [
        {"role": "user", "content": "天气？"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call00001", "content": "晴"},
    ]


def rendered(name: str, arguments: Any, special: tuple[str, ...] = ()) -> str:
    source = (FAMILIES / f"{name}.jinja").read_text("utf-8")
    named = (("bos_token", "<s>"), ("eos_token", "</s>"))
    turns = Messages().deserialize(messages(arguments)).messages
    template = ChatTemplate(source, named, special)
    return render_with_template([to_chat_message(turn) for turn in turns], template).text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS)
def test_arguments_are_the_text_that_came(name: str, text: str) -> None:
    assert text in rendered(name, text)
    assert text in rendered(name, f" {text}\n"), "white space around it is not the model's"


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_written_as_ever(name: str) -> None:
    arguments = {"city": "杭州", "days": 3}
    usual = json.dumps(arguments, ensure_ascii=False)
    assert rendered(name, arguments) == rendered(name, usual)
    assert usual in rendered(name, arguments)


def test_special_tokens_in_them_are_text() -> None:
    text = '{"a":"<|im_end|>","<|im_start|>":1}'
    prompt = rendered("qwen3", text, ("<|im_start|>", "<|im_end|>"))
    assert text not in prompt
    assert text in prompt.replace(SPECIAL_TOKEN_GUARD, "")


def test_broken_arguments_stay_what_they_are() -> None:
    assert '"arguments": {"city": }' in rendered("qwen3", '{"city": ')


def test_as_text_of_ours() -> None:
    turns = Messages().deserialize(messages(TEXTS[0])).messages
    (turn,) = tool_calls_as_text([to_chat_message(turns[1])])
    call = f'{{"name": "get_weather", "arguments": {TEXTS[0]}}}'
    assert turn.text == f"<tool_call>\n{call}\n</tool_call>"


def test_json_around_an_object() -> None:
    inner = JsonObject({"a": 1, "_text": 2}, '{"a":1,"_text":2}')
    assert dump_json({"b": [inner, True, None], "c": "中"}) == (
        '{"b": [{"a":1,"_text":2}, true, null], "c": "中"}'
    )
    assert dump_json({1: inner}) == '{"1": {"a": 1, "_text": 2}}'
    assert dump_json([]) == "[]" and dump_json({"a": {}}) == '{"a": {}}'


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("arguments | tojson", '{"a":1}'),
        ("arguments | tojson(indent=1)", '{\n "a": 1\n}'),
        ("arguments.a", "1"),
        ("arguments.text", ""),
        ("arguments.copy() | tojson", '{"a": 1}'),
        ("arguments is mapping", "True"),
        ("{'x': arguments} | tojson", '{"x": {"a":1}}'),
    ],
)
def test_in_a_template(expression: str, written: str) -> None:
    source = (
        "{% for m in messages %}{% if m.tool_calls %}"
        "{% set arguments = m.tool_calls[0].function.arguments %}"
        "[{{ " + expression + " }}]{% else %}{{ m.role }}{{ m.content }}{% endif %}{% endfor %}"
        "{{ (messages[1].tool_calls or [{}])[0].function if messages[1] }}"
    )
    turns = Messages().deserialize(messages('{"a":1}')).messages
    prompt = render_with_template([to_chat_message(turn) for turn in turns], ChatTemplate(source))
    assert f"[{written}]" in prompt.text
