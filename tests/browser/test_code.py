"""The code dialog shows the request that is sent, and its code runs and gives the same answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.harness.server import Server

#: The program's file, and what runs it.
PROGRAMS = {
    "curl": ("call.sh", ["sh"]),
    "openai": ("call.py", [sys.executable]),
    "requests": ("call.py", [sys.executable]),
    "javascript": ("call.mjs", ["node"]),
}
QUESTION = {"en": '它\'s "西湖" $HOME `x` \\n?', "zh-CN": "告诉我中国的首都在哪里"}


def shown(visitor: Visitor, language: str) -> str:
    """The program in the open dialog."""
    visitor.page.click(f'[data-code="{language}"]')
    pressed = f'[data-code="{language}"][aria-pressed=true]'
    expect(visitor.page.locator(pressed)).to_be_visible()
    return visitor.page.locator("#code-text").text_content() or ""


def run(language: str, text: str, folder: Path) -> str:
    """The program's output."""
    name, command = PROGRAMS[language]
    path = folder / name
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([*command, str(path)], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_chat(visit: Visits, real: Server, tmp_path: Path, lang: str) -> None:
    question = QUESTION[lang]
    visitor = visit(real)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-temperature", "0")
    page.fill("#chat-repetition_penalty", "1.1")
    page.fill("#chat-max_tokens", "24")
    page.fill("#chat-message", question)
    page.click("#chat-code")
    expect(page.locator("#code-title")).to_have_text(visitor.label("as_code"))
    expect(page.locator("#code-hint")).to_have_text(visitor.label("code_hint"))
    programs = {language: shown(visitor, language) for language in PROGRAMS}
    as_json = shown(visitor, "json")
    assert "UTF8.GetBytes" in shown(visitor, "powershell")
    page.keyboard.press("Escape")
    page.press("#chat-message", "Enter")
    answer = visitor.answered()
    assert visitor.posted("/v1/chat/completions") == [as_json], "verbatim"
    kept = page.evaluate("Object.keys(localStorage).map((name) => localStorage[name])")
    turns = [json.loads(text) for text in kept if '"role"' in text]
    [content] = [turn["content"] for turn in turns if turn["role"] == "assistant"]
    for language, program in programs.items():
        out = run(language, program, tmp_path)
        if language == "curl":
            out = json.loads(out)["choices"][0]["message"]["content"] + "\n"
        assert out == content + "\n", language
    visitor.press(answer, "code")
    assert shown(visitor, "json") == as_json, "what was sent for this answer"


def test_completion_and_embeddings(visit: Visits, real: Server, tmp_path: Path) -> None:
    visitor = visit(real, "/#completion")
    page = visitor.page
    page.click("[data-parameters=completion-parameters]")
    page.fill("#completion-temperature", "0")
    page.fill("#completion-prompt", "一年有几个月")
    page.click("#completion-send")
    page.wait_for_selector("#completion-answer .footer:not([hidden])")
    said = page.locator("#completion-answer .content").text_content()
    page.click("#completion-code")
    for language in ("openai", "javascript"):
        assert run(language, shown(visitor, language), tmp_path) == f"{said}\n"
    assert visitor.posted("/v1/completions") == [shown(visitor, "json")]
    page.keyboard.press("Escape")

    page.click("[data-tab=embeddings]")
    page.fill("#embeddings-input", "你好")
    page.click("#embeddings-code")
    vector = json.loads(run("requests", shown(visitor, "requests"), tmp_path))
    assert json.loads(run("openai", shown(visitor, "openai"), tmp_path)) == pytest.approx(vector)
    assert len(vector) == 192
