"""System messages within a conversation: as they are where the template shows them, else as a part
of the user's message beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.prompts import ChatMessage
from app.prompts.chat_template import ChatTemplate
from app.prompts.later_system import later_system_as_user
from app.prompts.render_chat import render_with_template
from app.prompts.template_features import shows_later_system

FAMILIES = Path(__file__).parent / "families"
FIRST, LATER = ChatMessage("system", "甲"), ChatMessage("system", "乙")
ASK, ANSWER, AGAIN = (
    ChatMessage("user", "问一"),
    ChatMessage("assistant", "答"),
    ChatMessage("user", "问二"),
)


def template_of(name: str) -> ChatTemplate:
    source = (FAMILIES / f"{name}.jinja").read_text("utf-8")
    return ChatTemplate(source, (("bos_token", "<s>"), ("eos_token", "</s>")), ("<s>", "</s>"))


SHOWN = dict.fromkeys(("qwen2.5", "qwen3", "llama-3.1", "smollm2"), True)
SHOWN |= dict.fromkeys(("mistral-nemo", "mistral-3", "llama-2"), False)


@pytest.mark.parametrize("name", SHOWN)
def test_every_text_is_in_the_prompt(name: str) -> None:
    template = template_of(name)
    assert shows_later_system(template) is SHOWN[name]
    for messages in (
        [FIRST, ASK, LATER],
        [FIRST, ASK, ANSWER, LATER, AGAIN],
        [FIRST, ASK, LATER, ANSWER, AGAIN],
    ):
        text = render_with_template(messages, template).text
        for message in messages:
            assert message.text in text, (name, message)


def test_the_prompt_goes_on_from_turn_to_turn() -> None:
    template = template_of("mistral-nemo")
    before = render_with_template([ASK, LATER], template).text
    after = render_with_template([ASK, LATER, ANSWER, AGAIN], template).text
    assert "问一\n\n乙" in before and after.startswith(before)


def test_where_it_goes() -> None:
    def texts(*messages: ChatMessage) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in later_system_as_user(messages)]

    assert texts(FIRST, LATER, ASK) == [("system", "甲"), ("system", "乙"), ("user", "问一")]
    assert texts(ASK, LATER) == [("user", "问一\n\n乙")]
    assert texts(ASK, ANSWER, LATER, AGAIN)[2:] == [("user", "乙\n\n问二")]
    assert texts(ASK, ANSWER, LATER)[2:] == [("user", "乙")]
    assert texts(ASK, AGAIN) == [("user", "问一"), ("user", "问二")], "a client's own twins stay"
