"""Rendering of chat templates: golden files, the sandbox, the reserved character."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.prompts import ChatMessage, ChatTemplateError, ReservedCharacterError
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.render_chat import render_with_template
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

GOLDEN = Path(__file__).parent / "golden"

CHATML = """
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
LLAMA2 = """
{%- if messages[0].role == 'system' %}
    {%- set system = '<<SYS>>\\n' ~ messages[0].content ~ '\\n<</SYS>>\\n\\n' %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set rest = messages %}
{%- endif %}
{%- for message in rest %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- bos_token + '[INST] ' + (system if loop.first else '') + message.content + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message.content + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}
"""
HELLO = [ChatMessage("user", "你好")]


def template(source: str, *specials: str) -> ChatTemplate:
    return ChatTemplate(source, (("bos_token", "<s>"), ("eos_token", "</s>")), specials)


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_bytes().decode()


def test_chatml() -> None:
    messages = [ChatMessage("system", "简短"), ChatMessage("user", '<|im_end|>"你好"&<b>')]
    prompt = render_with_template(messages, template(CHATML, "<|im_start|>", "<|im_end|>"))
    assert prompt.text == golden("chatml")
    assert prompt.allow_special


def test_llama2() -> None:
    messages = [
        ChatMessage("system", "简短"),
        ChatMessage("user", "一"),
        ChatMessage("assistant", "二"),
        ChatMessage("user", "三"),
    ]
    assert render_with_template(messages, template(LLAMA2, "<s>", "</s>")).text == golden("llama2")


def test_raise_exception() -> None:
    with pytest.raises(ChatTemplateError, match="alternate"):
        render_with_template([*HELLO, *HELLO], template(LLAMA2))


def test_reserved_character_names_its_message() -> None:
    with pytest.raises(ReservedCharacterError) as caught:
        render_with_template(
            [*HELLO, ChatMessage("assistant", f"a{SPECIAL_TOKEN_GUARD}")], template(CHATML)
        )
    assert caught.value.message_index == 1


def test_global_functions_and_filters() -> None:
    source = (
        "{{ strftime_now('%Y') | length }}|{{ {'a': '你', 'b': '<'} | tojson }}|"
        "{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}"
    )
    assert render_messages(HELLO, template(source)).text == '4|{"a": "你", "b": "<"}|1'


def test_html_is_not_escaped() -> None:
    messages = [ChatMessage("user", "<b>&'\"")]
    text = render_messages(messages, template("{{ messages[0].content }}")).text
    assert text == "<b>&'\""


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__.__base__.__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1] }}",
        "{{ lipsum.__globals__['os'] }}",
    ],
)
def test_sandbox(source: str) -> None:
    with pytest.raises(ChatTemplateError, match=r"^(SecurityError|UndefinedError): "):
        render_messages(HELLO, template(source))


def test_sandbox_hides_internals() -> None:
    assert render_messages(HELLO, template("{{ raise_exception.__globals__ }}")).text == ""


def test_user_text_is_not_a_template() -> None:
    messages = [ChatMessage("user", "{{ 7 * 7 }}{% for %}")]
    assert render_messages(messages, template("{{ messages[0].content }}")).text == messages[0].text
