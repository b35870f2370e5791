"""A model's thinking is folded above its answer, with its seconds, and kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SAY, TYPE
from tests.browser.test_accessibility import violations
from tests.harness.server import Server

THOUGHT = "先想一想。\n<b>No markup</b>, **no Markdown**."
ANSWER = f"<think>\n{THOUGHT}\n</think>\n\n**答案** is here."

#: Keeps every text that the fold's label has had: it thinks for a tenth of a second.
KEEP_LABELS = """() => {
  window.labels = [];
  const keep = () => {
    const label = document.querySelector(".thinking summary")?.textContent;
    if (label && window.labels.at(-1) !== label) window.labels.push(label);
  };
  const changes = { subtree: true, childList: true, characterData: true };
  new MutationObserver(keep).observe(document.body, changes);
}"""


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("zh-CN", "dark")])
def test_it_is_folded_and_kept(visit: Visits, thinking: Server, scheme: str) -> None:
    visitor = visit(thinking, color_scheme=scheme)
    page = visitor.page
    page.evaluate(KEEP_LABELS)
    page.fill("#chat-message", f"{TYPE}{ANSWER}")
    page.press("#chat-message", "Enter")
    summary = page.locator(".thinking summary")
    turn = visitor.answered()
    assert page.evaluate("labels")[0] == visitor.words("thinking")
    seconds = re.compile(
        re.escape(visitor.words("thought", seconds="#")).replace(r"\#", r"\d+\.\d")
    )
    expect(summary).to_have_text(seconds)
    expect(turn.locator(".content")).to_have_text("答案 is here.")
    text = turn.locator(".thinking p")
    expect(text).to_be_hidden()
    summary.focus()
    page.keyboard.press("Enter")
    expect(text).to_be_visible()
    assert text.text_content() == THOUGHT
    assert violations(page) == []

    shown = summary.text_content()
    page.reload()
    expect(summary).to_have_text(shown or "")
    expect(text).to_be_hidden()
    visitor.ask(f"{SAY}yes")
    sent = visitor.bodies("/v1/chat/completions")[-1]["messages"]
    assert [turn["content"] for turn in sent[1:]] == ["**答案** is here.", f"{SAY}yes"]
    assert page.locator(".thinking").count() == 1


@pytest.mark.parametrize("lang", ["en"])
def test_thinking_that_was_cut_off_goes_on(visit: Visits, thinking: Server) -> None:
    visitor = visit(thinking)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-max_tokens", "12")
    turn = visitor.ask(f"{SAY}<think>one two three</think>four")
    assert turn.locator(".thinking p").text_content() == "one t"
    page.fill("#chat-max_tokens", "200")
    page.locator(".footer .continue").click()
    turn = visitor.answered()
    sent = visitor.bodies("/v1/chat/completions")[-1]
    assert sent["continue_final_message"] and sent["messages"][-1]["content"] == "<think>\none t"


def test_without_scripts(browser: Browser, thinking: Server) -> None:
    page = browser.new_context(java_script_enabled=False, locale="en").new_page()
    page.goto(thinking.url)
    page.fill("#chat-message", f"{SAY}{ANSWER}")
    page.click("#chat-send")
    expect(page.locator(".turn .content").nth(1)).to_have_text("**答案** is here.")
    expect(page.locator(".thinking p")).to_be_hidden()
    page.click(".thinking summary")
    expect(page.locator(".thinking p")).to_be_visible()
    page.context.close()
