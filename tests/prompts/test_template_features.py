"""A template is asked how it wants what it is given, and refused by name where it takes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.prompts import Call, TemplateRefused, Turn
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.template_features import Forms, forms_of
from app.prompts.template_selection import try_own

CALL = Call("get_weather", {"city": "杭州"}, "abcdefghi")
TOOLS = [
    Turn("user", "Weather?"),
    Turn("assistant", "", has_text=False, calls=(CALL,)),
    Turn("tool", "clear", call_id="abcdefghi"),
]
TURN = "{{ m.role }}: {{ m.content }}\n"


class Own:
    """A tokenizer, as far as templates go."""

    named_tokens = (("bos_token", "<s>"),)
    special_texts = ("<s>",)

    def __init__(self, source: str | None) -> None:
        self.chat_template = source


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for m in messages %}", "TemplateSyntaxError"),
        ("{{ messages | nosuch }}", "TemplateAssertionError"),
        ("{{ messages[0].content }}{{ documents | length }}", "TypeError"),
        ("{{ tools.name }}{{ tools[0].name }}{{ messages[0].content }}", "UndefinedError"),
        ("{{ messages[0].content + 1 }}", "TypeError"),
        ("{{ nothing.at.all }}{{ messages[0].content }}", "UndefinedError"),
        ("{{ raise_exception('never') }}", "never"),
        ("{% include 'other' %}{{ messages[0].content }}", "TypeError"),
        ("{{ messages[0].content }}{{ 'a' * 10 ** 10 }}", "more text"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "work"),
        ("{" * 3 + "(" * 3000 + "1" + ")" * 3000 + "}" * 3, "Error"),
        ("{% if a %}" + "{% elif a %}" * 9_000 + "{% endif %}", "MemoryError|leaves out"),
        ("{{ messages[0].content }}" + " " * (1 << 17), "131097 characters, over 131072"),
        ("You are a model.", "leaves out what the user says"),
    ],
)
def test_one_that_fails_always_is_refused_by_name(source: str, why: str) -> None:
    with pytest.raises(StartupError, match=why) as caught:
        try_own(Own(source), Path("/models/own"))
    message = str(caught.value)
    assert message.startswith("the chat template in /models/own does not work: ")
    assert "--chat_template" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "source",
    [
        # refuses a system turn, or one without; roles that do not alternate
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ messages[0].content }}",
        "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ messages[1].content }}",
        "{{ messages[2].content }}{{ messages[1].content + '' }}",
        # shows a part only
        "{{ messages[-1].content[:3] }}",
        "{{ messages[-1].content | upper }}",
        "{% for c in messages[-1].content %}{{ c }}-{% endfor %}",
    ],
)
def test_one_that_fails_sometimes_serves(source: str) -> None:
    assert try_own(Own(source), Path("m")) is not None


def test_no_template_is_none() -> None:
    assert try_own(Own(None), Path("m")) is None


def test_contents_in_parts() -> None:
    source = (
        "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{% if p.type == 'text' %}"
        "{{ p.text }}{% endif %}{% endfor %};{% endfor %}"
    )
    template = ChatTemplate(source)
    assert forms_of(template).in_parts
    turns = [Turn("user", "a"), Turn("assistant", "b ")]
    assert render_with_template(turns, template).text == "user:a;assistant:b ;"
    assert render_with_template(turns, template, continued=True).text == "user:a;assistant:b "


@pytest.mark.parametrize(
    ("source", "forms", "text"),
    [
        (
            "{% for m in messages %}" + TURN + "{% endfor %}",
            Forms(results=True),
            "user: Weather?\nassistant: <tool_call>\n"
            '{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>\n'
            "tool: clear\n",
        ),
        (
            "{% for m in messages if m.role in ('user', 'assistant') %}" + TURN + "{% endfor %}",
            Forms(),
            "user: Weather?\nassistant: <tool_call>\n"
            '{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>\n'
            "user: <tool_response>\nclear\n</tool_response>\n",
        ),
        (
            "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}("
            "{{ c.function.arguments | tojson }});{% else %}" + TURN + "{% endfor %}{% endfor %}",
            Forms(calls=True, results=True),
            'user: Weather?\nget_weather({"city": "杭州"});tool: clear\n',
        ),
        (
            "{% for m in messages %}{{ m.role + ': ' + m.content }}{% for c in m.tool_calls or []"
            " %}{{ c | tojson }}{% endfor %}{{ '\n' }}{% endfor %}",
            Forms(calls=True, empty_text=True, results=True),
            'user: Weather?\nassistant: {"id": "abcdefghi", "type": "function", "function": '
            '{"name": "get_weather", "arguments": {"city": "杭州"}}}\ntool: clear\n',
        ),
    ],
)
def test_tool_turns(source: str, forms: Forms, text: str) -> None:
    template = ChatTemplate(source)
    assert forms_of(template) == forms
    assert render_with_template(TOOLS, template).text == text


def test_a_form_that_refuses_this_conversation_refuses_it() -> None:
    """Where a template has a form, its own rules count: nothing is tried behind them."""
    source = (
        "{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}"
        "{{ raise_exception('one at once') }}{% endif %}{{ m.tool_calls[0].function }}"
        "{% else %}" + TURN + "{% endif %}{% endfor %}"
    )
    twice = Turn("assistant", "", has_text=False, calls=(CALL, CALL))
    with pytest.raises(TemplateRefused, match="one at once"):
        render_with_template([TOOLS[0], twice], ChatTemplate(source))
