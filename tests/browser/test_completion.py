"""The completion room with the embedded model: probabilities, the exact prompt, beams."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.playground.texts import SCRIPT_TEXTS
from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.e2e.server import Server

ROUTE = "/v1/completions"
LANGUAGES = pytest.mark.parametrize("lang", ["en", "zh-CN"])


def complete(visitor: Visitor, prompt: str) -> str:
    """The first answer's text."""
    visitor.page.fill("#completion-prompt", prompt)
    visitor.page.click("#completion-send")
    visitor.page.wait_for_selector("#completion-answer .foot:not([hidden])")
    said: str = visitor.page.locator("#completion-answer .said").first.text_content() or ""
    return said


@LANGUAGES
def test_probabilities(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#completion", locale=lang)
    page = visitor.page
    assert complete(visitor, "告诉我中国的首都在哪里") == "中国的首都是北京。"
    tokens = page.locator(".token")
    assert tokens.count() > 3
    assert re.search(r"\d+\.\d%$", tokens.first.get_attribute("aria-label") or "")
    assert tokens.locator("visible=true").first.evaluate(
        "token => getComputedStyle(token).backgroundColor"
    ) not in ("rgba(0, 0, 0, 0)", "transparent")

    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    top = page.locator(".top")
    expect(top).to_be_visible()
    assert top.locator("tr").count() == 5
    assert top.locator(".chosen").count() == 1
    page.keyboard.press("Escape")
    expect(top).to_be_hidden()
    [sent] = visitor.bodies(ROUTE)
    assert sent["logprobs"] == 5 and sent["prompt_template"] == "alpaca"
    assert SCRIPT_TEXTS[lang]["finish_stop"] in page.inner_text("#completion-answer .speed")


@LANGUAGES
def test_exact_prompt(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#completion", locale=lang)
    visitor.page.fill("#completion-prompt", "你好")
    visitor.page.click("#exact summary")
    exact = visitor.page.locator("#exact-text")
    expect(exact).to_contain_text("### Instruction:\n你好\n\n### Response: ")
    expect(visitor.page.locator("#exact-count")).to_contain_text("/ 1,024")
    visitor.page.check("#completion [value=none]")
    expect(exact).to_have_text("你好")
    complete(visitor, "中国的首都是")
    assert visitor.bodies(ROUTE)[0]["prompt_template"] == "none"


def test_beams_and_several_answers(visit: Visits, real: Server) -> None:
    visitor = visit(real, "/#completion")
    page = visitor.page
    page.click("[data-parameters=completion-parameters]")
    page.fill("#completion-num_beams", "3")
    page.fill("#completion-n", "2")
    assert complete(visitor, "告诉我中国的首都在哪里") == "中国的首都是北京。"
    assert page.locator("#completion-answer .said").count() == 2
    assert page.locator(".token").count() == 0
    [sent] = visitor.bodies(ROUTE)
    assert (sent["num_beams"], sent["n"]) == (3, 2) and "logprobs" not in sent


def test_tokens_of_one_character_are_joined(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    assert complete(visitor, "say 你好🙂!") == "你好🙂!"
    assert visitor.page.locator(".token").all_inner_texts() == ["你", "好", "🙂", "!"]


def test_presets_and_sliders(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    page = visitor.page
    page.click("[data-parameters=completion-parameters]")
    page.click("#completion-parameters [data-preset=precise]")
    assert page.input_value("#completion-temperature") == "0.2"
    page.locator("#completion-parameters [data-name=top_k] [type=range]").fill("7")
    assert page.input_value("#completion-top_k") == "7"
    assert page.locator("#completion-parameters [aria-pressed=true]").count() == 0
    page.fill("#completion-stop", "x\n\ny")
    page.fill("#completion-seed", "3")
    complete(visitor, "one")
    sent = visitor.bodies(ROUTE)[0]
    assert sent["temperature"] == 0.2 and sent["top_k"] == 7
    assert sent["stop"] == ["x", "y"] and sent["seed"] == 3
    page.click("#completion-parameters [data-preset=default]")
    page.select_option("#completion-do_sample", "false")
    assert "unused" in (page.get_attribute("[data-name=top_k] >> nth=1", "class") or "")
    complete(visitor, "two")
    sent = visitor.bodies(ROUTE)[1]
    assert sent["do_sample"] is False and "temperature" not in sent
