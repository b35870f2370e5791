"""The built-in template against golden files, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.prompts import Turn
from app.prompts.alpaca import render_instruction, render_turns

GOLDEN = Path(__file__).parent / "golden"
ASIDE = [Turn("user", "你好"), Turn("system", "请用英文回答。")]
HANGZHOU = Turn("user", "给我讲一些有关杭州的故事吧")


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_bytes().decode()


def test_instruction() -> None:
    prompt = render_instruction("告诉我中国的首都在哪里")
    assert prompt.text == golden("instruction")
    assert not prompt.allow_special


def test_the_golden_file_has_its_blanks() -> None:
    lines = golden("instruction").split("\n")
    assert lines[1] == "    "
    assert lines[-1] == "### Response: "


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("one_turn", [HANGZHOU]),
        (
            "three_turns",
            [
                HANGZHOU,
                Turn("assistant", "好的，请问您对杭州有什么特别的偏好吗？"),
                Turn("user", "我比较喜欢和西湖，可以给我讲一下西湖吗"),
            ],
        ),
        ("system", [Turn("system", "请用英文回答。"), Turn("user", "你好")]),
        ("two_systems", [Turn("system", "简短。"), Turn("system", ""), *ASIDE]),
    ],
)
def test_turns(name: str, turns: list[Turn]) -> None:
    prompt = render_turns(turns)
    assert prompt.text == golden(name)
    assert not prompt.allow_special


def test_texts_are_never_templates() -> None:
    text = render_turns([Turn("user", "{user}{{ 1 }}\n### Response: x")]).text
    assert "### Instruction:\n{user}{{ 1 }}\n### Response: x\n\n### Response: " in text
