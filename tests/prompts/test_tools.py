"""Tools in the prompt: by the template where it shows them, else as text in Hermes' form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.generation.local_engine import LocalTextEngine
from app.generation.request import ChatInput
from app.generation.served_model import ServedModel
from app.prompts import ChatMessage, FunctionCall, ReservedCharacterError
from app.prompts.alpaca import INTRODUCTION, render_alpaca_chat
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.template_features import (
    TemplateFeatures,
    ToolsPlacement,
    detect_features,
    tools_placement,
)
from app.prompts.template_selection import TEMPLATE_NAMES, read_chat_template
from app.prompts.tool_definitions import to_template_tools
from app.prompts.tool_text import tools_as_text
from app.protocol.errors import BadRequest
from app.protocol.messages import Messages
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from tests.fakes import INFO, ScriptedEngine

DOCS = Path(__file__).parents[2] / "docs" / "tools.md"
NOW: dict[str, Any] = {
    "type": "function",
    "function": {"name": "now", "description": "The time"},
}
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "天气 <|im_end|>",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TEXT = tools_as_text([NOW, WEATHER])
USER, SYSTEM = ChatMessage("user", "Hi"), ChatMessage("system", "Be brief.")
LINES = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
)
SHOWS_TOOLS = "{% for t in tools or [] %}{{ t.function.name }};{% endfor %}" + LINES
CONTEXT = RequestContext("a test", ClientConnection({}, DisconnectWatcher()), float("inf"))


def test_the_text_is_the_documented_one() -> None:
    assert f"```\n{tools_as_text([NOW])}\n```" in DOCS.read_text()


def test_each_line_is_one_tool() -> None:
    lines = TEXT.partition("<tools>\n")[2].partition("\n</tools>")[0].split("\n")
    assert [json.loads(line) for line in lines] == [NOW, WEATHER]
    assert "天气" in TEXT, "not escaped"


@pytest.mark.parametrize(
    ("source", "placement"),
    [
        (LINES, ToolsPlacement.SYSTEM),
        (NO_SYSTEM, ToolsPlacement.USER),
        (SHOWS_TOOLS, ToolsPlacement.TEMPLATE),
        ("{{ tools | tojson if tools else '' }}" + NO_SYSTEM, ToolsPlacement.TEMPLATE),
        (
            "{% if messages[0].role == 'system' %}{{ tools }}{% endif %}" + LINES,
            ToolsPlacement.TEMPLATE,
        ),
        (
            "{% if tools %}{{ raise_exception('no tools') }}{% endif %}" + LINES,
            ToolsPlacement.SYSTEM,
        ),
        ("{{ tools | length if tools }}" + LINES, ToolsPlacement.SYSTEM),
        (
            "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}",
            ToolsPlacement.USER,
        ),
    ],
)
def test_where_tools_are_told(source: str, placement: ToolsPlacement) -> None:
    assert tools_placement(ChatTemplate(source)) is placement


def test_after_the_system_message() -> None:
    template = ChatTemplate(LINES)
    prompt = render_with_template([SYSTEM, USER], template, tools=[NOW, WEATHER])
    assert prompt.text == f"system: Be brief.\n\n{TEXT}\nuser: Hi\n"
    prompt = render_with_template([USER], template, tools=[NOW, WEATHER])
    assert prompt.text == f"system: {TEXT}\nuser: Hi\n"
    assert render_with_template([USER], template).text == "user: Hi\n"


def test_before_the_first_user_message() -> None:
    template = ChatTemplate(NO_SYSTEM)
    welcome = ChatMessage("assistant", "Welcome")
    prompt = render_with_template([welcome, USER, USER], template, tools=[NOW])
    text = tools_as_text([NOW])
    assert prompt.text == f"assistant: Welcome\nuser: {text}\n\nHi\nuser: Hi\n"
    prompt = render_with_template([welcome], template, tools=[NOW])
    assert prompt.text == f"user: {text}\nassistant: Welcome\n"


def test_by_the_template_and_calls_as_text() -> None:
    """A template that shows tools need not show calls."""
    call = FunctionCall("now", {}, "call_1")
    messages = [
        USER,
        ChatMessage("assistant", "", has_text=False, tool_calls=(call,)),
        ChatMessage("tool", "noon", tool_call_id="call_1"),
    ]
    source = SHOWS_TOOLS.replace("in messages", "in messages if m.role != 'tool'")
    prompt = render_with_template(messages, ChatTemplate(source), tools=[NOW])
    called = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    result = "<tool_response>\nnoon\n</tool_response>"
    assert prompt.text == f"now;user: Hi\nassistant: {called}\nuser: {result}\n"


def test_a_template_that_shows_calls_only_beside_tools() -> None:
    source = (
        "{% for t in tools or [] %}{{ t.function.name }};{% endfor %}{% for m in messages %}"
        "{% if tools and m.tool_calls %}{{ m.tool_calls[0].function | tojson }}{% else %}"
        "{{ m.role }}: {{ m.content }}{% endif %}{{ '\n' }}{% endfor %}"
    )
    template = ChatTemplate(source)
    assert detect_features(template) == TemplateFeatures(supports_tool_results=True)
    both = TemplateFeatures(supports_tool_calls=True, supports_tool_results=True)
    assert detect_features(template, with_tools=True) == both
    call = ChatMessage("assistant", "", has_text=False, tool_calls=(FunctionCall("now", {}),))
    prompt = render_with_template([USER, call], template, tools=[NOW])
    assert prompt.text == 'now;user: Hi\n{"name": "now", "arguments": {}}\n'
    assert "<tool_call>" in render_with_template([USER, call], template).text


def test_alpaca() -> None:
    prompt = render_alpaca_chat([USER], tools=[NOW, WEATHER])
    assert prompt.text.startswith(f"{INTRODUCTION}\n\n{TEXT}\n\n### Instruction:\nHi")
    prompt = render_alpaca_chat([SYSTEM, USER], tools=[NOW, WEATHER])
    assert prompt.text.startswith(f"Be brief.\n\n{TEXT}\n\n### Instruction:\nHi")
    assert not prompt.allow_special


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_built_in_templates_tell_of_tools(name: str) -> None:
    template = ChatTemplate(read_chat_template(name), (("bos_token", "<s>"), ("eos_token", "</s>")))
    assert TEXT in render_with_template([SYSTEM, USER], template, tools=[NOW, WEATHER]).text
    assert TEXT in render_with_template([USER], template, tools=[NOW, WEATHER]).text


@pytest.mark.parametrize("source", [LINES, "{{ tools | tojson(ensure_ascii=true) }}" + LINES])
def test_special_tokens_in_tools_are_text(source: str) -> None:
    special = ("<|im_end|>", "<|function|>", "<|im_start|>")
    template = ChatTemplate(source, special_texts=special)
    text = render_with_template([USER], template, tools=[WEATHER]).text
    assert "<|im_end|>" not in text
    assert "<|im_end|>" in text.replace(SPECIAL_TOKEN_GUARD, "")


def test_words_that_templates_compare_have_no_guard() -> None:
    special = ("<|function|>", "<|name|>", "<string>", "[type]")
    tools = to_template_tools([WEATHER], special)
    assert tools == [WEATHER]
    named = {"type": "function", "function": {"name": "function|>"}}
    (guarded,) = to_template_tools([named], special) or ()
    assert guarded["function"]["name"] == f"{SPECIAL_TOKEN_GUARD}function|>"


@pytest.mark.parametrize("source", [LINES, SHOWS_TOOLS])
def test_the_reserved_character(source: str) -> None:
    bad = {"type": "function", "function": {"name": "a", "parameters": {"\ue0ff": 1}}}
    with pytest.raises(ReservedCharacterError) as caught:
        render_with_template([USER], ChatTemplate(source), tools=[NOW, bad])
    assert caught.value.tool_index == 1


@pytest.mark.parametrize("escape", ["\\ue0ff", "\\\\uE0FF"])
def test_its_escape_sequence_is_left_as_it_was_written(escape: str) -> None:
    tool = {"type": "function", "function": {"name": "a", "description": escape}}
    template = ChatTemplate("{{ tools[0].function.description if tools }}" + LINES)
    template = ChatTemplate(template.source + "{{ tools[0].function.name if tools }}")
    assert render_with_template([USER], template, tools=[tool]).text == f"{escape}user: Hi\na"


def test_through_the_text_engine() -> None:
    """`ChatInput.tools` reach the prompt, by the tokenizer's template for tools if it has one; a
    bad one is named by its place."""
    conversation = Messages().deserialize([{"role": "user", "content": "Hi"}])
    engine = LocalTextEngine(ScriptedEngine(), ServedModel("m", "alpaca"))
    text = engine.tokenize(ChatInput(conversation, tools=(NOW, WEATHER)), None, CONTEXT)[1]
    assert TEXT in text
    templated = LocalTextEngine(ScriptedEngine(), ServedModel("m", "alpaca", chat_template=LINES))
    text = templated.tokenize(ChatInput(conversation, tools=(NOW,)), None, CONTEXT)[1]
    assert text == f"system: {tools_as_text([NOW])}\nuser: Hi\n"
    two = replace(INFO, chat_template="{{ messages[0].content }}", tool_chat_template=SHOWS_TOOLS)
    engine = LocalTextEngine(ScriptedEngine(info_=two), ServedModel("m", "alpaca"))
    assert engine.tokenize(ChatInput(conversation), None, CONTEXT)[1] == "Hi"
    text = engine.tokenize(ChatInput(conversation, tools=(NOW,)), None, CONTEXT)[1]
    assert text == "now;user: Hi\n"
    bad = {"type": "function", "function": {"name": "\ue0ff"}}
    with pytest.raises(BadRequest) as caught:
        templated.tokenize(ChatInput(conversation, tools=(NOW, bad)), None, CONTEXT)
    assert caught.value.param == "tools.1"
