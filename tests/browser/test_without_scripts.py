"""All three forms answer in a browser without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.test_chat import ANSWER, QUESTION
from tests.e2e.server import Server


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_three_forms(browser: Browser, real: Server, lang: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale=lang)
    page = context.new_page()
    page.goto(real.url)
    for turns in (2, 4):
        page.fill("#chat-message", QUESTION[lang])
        page.click("#chat-send")
        assert page.locator(".turn").count() == turns
        assert page.locator(".turn .said").nth(1).inner_text() == ANSWER[lang]

    page.click("[data-room=completion]")
    assert page.locator("#chat").is_hidden(), "rooms change without scripts"
    page.fill("#completion-prompt", QUESTION[lang])
    page.click("#completion-send")
    assert page.inner_text("#completion-answer .said") == ANSWER[lang]

    page.click("[data-room=embeddings]")
    page.fill("#embeddings-input", "你好\n您好\nGoodbye")
    page.click("#embeddings-send")
    assert page.locator("#embeddings-answer tr").count() == 4
    assert page.locator(".needs-script").locator("visible=true").count() == 0

    page.click("[data-room=chat]")
    page.click("#chat-parameters summary")
    page.fill("#chat-temperature", "9")
    page.fill("#chat-message", "a")
    page.click("#chat-send")
    assert "temperature" in page.inner_text("#chat-failure")
    assert page.input_value("#chat-message") == "a"
    context.close()
