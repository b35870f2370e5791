"""Detection of a template's features, and refusal of templates that always fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.prompts import ChatMessage, ChatTemplateError, FunctionCall
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.template_features import TemplateFeatures, detect_features
from app.prompts.template_selection import check_tokenizer_template

CALL = FunctionCall("get_weather", {"city": "杭州"}, "abcdefghi")
TOOL_MESSAGES = [
    ChatMessage("user", "Weather?"),
    ChatMessage("assistant", "", has_text=False, tool_calls=(CALL,)),
    ChatMessage("tool", "clear", tool_call_id="abcdefghi"),
]
LINE = "{{ m.role }}: {{ m.content }}\n"


class FakeTokenizer:
    """The part of a tokenizer that templates use."""

    named_tokens = (("bos_token", "<s>"),)
    special_texts = ("<s>",)
    tool_chat_template: str | None = None

    def __init__(self, source: str | None) -> None:
        self.chat_template = source


@pytest.mark.parametrize(
    ("source", "reason"),
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
def test_a_template_that_always_fails_is_refused(source: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as caught:
        check_tokenizer_template(FakeTokenizer(source), Path("/models/m"))
    message = str(caught.value)
    assert message.startswith("the chat template in /models/m does not work: ")
    assert "--chat_template" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "source",
    [
        # refuses a system message, or its absence, or roles that do not alternate
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ messages[0].content }}",
        "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ messages[1].content }}",
        "{{ messages[2].content }}{{ messages[1].content + '' }}",
        # renders only a part
        "{{ messages[-1].content[:3] }}",
        "{{ messages[-1].content | upper }}",
        "{% for c in messages[-1].content %}{{ c }}-{% endfor %}",
    ],
)
def test_a_template_that_fails_sometimes_is_accepted(source: str) -> None:
    assert check_tokenizer_template(FakeTokenizer(source), Path("m")) is not None


def test_a_tokenizer_without_template() -> None:
    assert check_tokenizer_template(FakeTokenizer(None), Path("m")) is None


def test_typed_content() -> None:
    source = (
        "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{% if p.type == 'text' %}"
        "{{ p.text }}{% endif %}{% endfor %};{% endfor %}"
    )
    template = ChatTemplate(source)
    assert detect_features(template).requires_typed_content
    messages = [ChatMessage("user", "a"), ChatMessage("assistant", "b ")]
    assert render_with_template(messages, template).text == "user:a;assistant:b ;"
    assert (
        render_with_template(messages, template, continue_final_message=True).text
        == "user:a;assistant:b "
    )


@pytest.mark.parametrize(
    ("source", "features", "text"),
    [
        (
            "{% for m in messages %}" + LINE + "{% endfor %}",
            TemplateFeatures(supports_tool_results=True),
            "user: Weather?\nassistant: <tool_call>\n"
            '{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>\n'
            "tool: clear\n",
        ),
        (
            "{% for m in messages if m.role in ('user', 'assistant') %}" + LINE + "{% endfor %}",
            TemplateFeatures(),
            "user: Weather?\nassistant: <tool_call>\n"
            '{"name": "get_weather", "arguments": {"city": "杭州"}}\n</tool_call>\n'
            "user: <tool_response>\nclear\n</tool_response>\n",
        ),
        (
            "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}("
            "{{ c.function.arguments | tojson }});{% else %}" + LINE + "{% endfor %}{% endfor %}",
            TemplateFeatures(supports_tool_calls=True, supports_tool_results=True),
            'user: Weather?\nget_weather({"city": "杭州"});tool: clear\n',
        ),
        (
            "{% for m in messages %}{{ m.role + ': ' + m.content }}{% for c in m.tool_calls or []"
            " %}{{ c | tojson }}{% endfor %}{{ '\n' }}{% endfor %}",
            TemplateFeatures(
                supports_tool_calls=True, requires_content=True, supports_tool_results=True
            ),
            'user: Weather?\nassistant: {"id": "abcdefghi", "type": "function", "function": '
            '{"name": "get_weather", "arguments": {"city": "杭州"}}}\ntool: clear\n',
        ),
    ],
)
def test_tool_turns(source: str, features: TemplateFeatures, text: str) -> None:
    template = ChatTemplate(source)
    assert detect_features(template) == features
    assert render_with_template(TOOL_MESSAGES, template).text == text


def test_a_template_with_tool_calls_may_refuse_a_conversation() -> None:
    """If a template supports tool calls, its rules apply; they are not written as text."""
    source = (
        "{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}"
        "{{ raise_exception('one at once') }}{% endif %}{{ m.tool_calls[0].function }}"
        "{% else %}" + LINE + "{% endif %}{% endfor %}"
    )
    two_calls = ChatMessage("assistant", "", has_text=False, tool_calls=(CALL, CALL))
    with pytest.raises(ChatTemplateError, match="one at once"):
        render_with_template([TOOL_MESSAGES[0], two_calls], ChatTemplate(source))
