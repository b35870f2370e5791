"""Templates that take only ids of nine characters, and clients that send longer ones."""

from __future__ import annotations

import re

import pytest

from app.prompts import ChatMessage, FunctionCall
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template

CHECKED = """{% for m in messages %}{{ m.role }}{{ m.content or '' }}
{%- for call in m.tool_calls or [] -%}
{%- if call.id | length != 9 %}{{ raise_exception("nine") }}{% endif -%}
 {{ call.function.name }} {{ call.function.arguments | tojson }} [{{ call.id }}]{% endfor -%}
{%- if m.tool_call_id %} [{{ m.tool_call_id }}]{% endif %}
{% endfor %}"""
UNCHECKED = CHECKED.replace("!= 9", "== 0")


def rendered(source: str, *ids: str) -> list[str]:
    """The ids in the prompt of calls with these ids, and then of their results."""
    calls = tuple(FunctionCall("f", {"a": 1}, call_id) for call_id in ids)
    messages = [
        ChatMessage("user", "?"),
        ChatMessage("assistant", "", has_text=False, tool_calls=calls),
        *(ChatMessage("tool", "!", tool_call_id=call_id) for call_id in ids),
    ]
    text = render_with_template(messages, ChatTemplate(source)).text
    return re.findall(r"\[(.*?)\]", text)


@pytest.mark.parametrize("ids", [("call_3watqWsbmYgbWXupsSik7s",), ("a", "call_b-c"), ("",)])
def test_ids_are_shortened_where_the_template_wants_it(ids: tuple[str, ...]) -> None:
    shown = rendered(CHECKED, *ids)
    assert all(re.fullmatch("[a-z0-9]{9}", call_id) for call_id in shown)
    if all(ids):
        assert len(shown) == 2 * len(ids) and shown[: len(ids)] == shown[len(ids) :]
        assert len(set(shown)) == len(ids)


def test_other_ids_stay() -> None:
    assert rendered(CHECKED, "abcDEF123") == ["abcDEF123", "abcDEF123"]
    assert rendered(UNCHECKED, "call_abc") == ["call_abc", "call_abc"]
