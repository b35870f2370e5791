"""All three forms answer in a browser without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from app.translations import TRANSLATIONS
from tests.browser.test_chat import ANSWER, QUESTION
from tests.harness.server import Server


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_three_forms(browser: Browser, real: Server, lang: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale=lang)
    page = context.new_page()
    page.goto(real.url)
    for turns in (2, 4):
        page.fill("#chat-message", QUESTION[lang])
        page.click("#chat-send")
        expect(page.locator(".turn")).to_have_count(turns)
        expect(page.locator(".turn .content").nth(1)).to_have_text(ANSWER[lang])

    page.click("[data-tab=completion]")
    expect(page.locator("#chat")).to_be_hidden()  # tabs change without scripts
    page.fill("#completion-prompt", QUESTION[lang])
    page.click("#completion-send")
    expect(page.locator("#completion-answer .content")).to_have_text(ANSWER[lang])

    page.click("[data-tab=embeddings]")
    page.fill("#embeddings-input", "你好\n您好\nGoodbye")
    page.click("#embeddings-send")
    expect(page.locator("#embeddings-answer tr")).to_have_count(4)
    expect(page.locator(".needs-script").locator("visible=true")).to_have_count(0)

    page.click("[data-tab=chat]")
    page.click("#chat-parameters summary")
    page.fill("#chat-temperature", "9")
    page.fill("#chat-message", "a")
    page.click("#chat-send")
    words = TRANSLATIONS[lang].page
    told = words["error_field_range"].format(field=words["temperature"], min=0, max=2)
    expect(page.locator("#chat-failure strong")).to_have_text(told)
    expect(page.locator("#chat-failure details p")).to_be_hidden()
    expect(page.locator("#chat-message")).to_have_value("a")
    context.close()
