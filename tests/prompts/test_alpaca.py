"""The built-in Alpaca template, compared with golden files byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.prompts import ChatMessage
from app.prompts.alpaca import render_alpaca_chat, render_instruction

GOLDEN = Path(__file__).parent / "golden"
LATE_SYSTEM = [ChatMessage("user", "你好"), ChatMessage("system", "请用英文回答。")]
HANGZHOU = ChatMessage("user", "给我讲一些有关杭州的故事吧")


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_bytes().decode()


def test_instruction() -> None:
    prompt = render_instruction("告诉我中国的首都在哪里")
    assert prompt.text == golden("instruction")
    assert not prompt.allow_special


def test_the_golden_file_has_its_spaces() -> None:
    lines = golden("instruction").split("\n")
    assert lines[1] == "    "
    assert lines[-1] == "### Response: "


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("one_turn", [HANGZHOU]),
        (
            "three_turns",
            [
                HANGZHOU,
                ChatMessage("assistant", "好的，请问您对杭州有什么特别的偏好吗？"),
                ChatMessage("user", "我比较喜欢和西湖，可以给我讲一下西湖吗"),
            ],
        ),
        ("system", [ChatMessage("system", "请用英文回答。"), ChatMessage("user", "你好")]),
        ("two_systems", [ChatMessage("system", "简短。"), ChatMessage("system", ""), *LATE_SYSTEM]),
    ],
)
def test_turns(name: str, messages: list[ChatMessage]) -> None:
    prompt = render_alpaca_chat(messages)
    assert prompt.text == golden(name)
    assert not prompt.allow_special


def test_user_text_is_not_formatted() -> None:
    text = render_alpaca_chat([ChatMessage("user", "{user}{{ 1 }}\n### Response: x")]).text
    assert "### Instruction:\n{user}{{ 1 }}\n### Response: x\n\n### Response: " in text
