"""What the page shows about a conversation: title, statistics, length, last request."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.harness.server import Server

CHAT = "/v1/chat/completions"


def tokens(visitor: Visitor) -> int:
    """The token count shown for the last answer."""
    found = re.search(r"\d+", visitor.page.locator(".assistant .stats").last.text_content() or "")
    assert found
    return int(found[0])


def test_a_conversation(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    own = page.title()
    visitor.ask("say " + "West Lake " * 9)
    title = page.inner_text("#conversation-title")
    assert title == "say " + "West Lake " * 5 + "West…", "cut between words, and said to be"
    assert page.title() == f"{title} · Westlake"
    page.click("[data-tab=embeddings]")
    expect(page).to_have_title(f"{page.inner_text('#embeddings-title')} · Westlake")
    page.go_back()
    expect(page).to_have_title(f"{title} · Westlake")

    first = tokens(visitor)
    visitor.press(page.locator(".assistant"), "continue")
    speed = visitor.answered().locator(".stats")
    assert tokens(visitor) == 2 * first, "its second part is as long"
    expect(speed).not_to_contain_text("~")

    assert re.match(r"[\d,]+ / 65,536", page.inner_text("#chat-meter")), "as the server counted"
    visitor.ask("say two")
    [*_, sent] = visitor.bodies(CHAT)
    page.click("#chat-code")
    page.click("[data-code=json]")
    shown = json.loads(page.locator("#code-text").text_content() or "")
    assert shown == sent, "the last request, no turn of the page's own"
    page.keyboard.press("Escape")
    used = page.inner_text("#chat-meter")
    assert "~" not in used
    page.reload()
    expect(page.locator("#chat-meter")).to_have_text(used)
    page.click("#new-chat")
    assert page.title() == own


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_own_settings_for_new_chats(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-system", "简短")
    page.fill("#chat-temperature", "0.5")
    page.click("#keep-defaults")
    expect(page.locator("#announcer")).to_have_text(visitor.words("defaults_saved"))
    visitor.ask("say 一")
    page.click("#new-chat")
    expect(page.locator("#chat-system")).to_have_value("简短")
    visitor.ask("say 二")
    sent = visitor.bodies(CHAT)[-1]
    assert sent["messages"][0] == {"role": "system", "content": "简短"}
    assert sent["temperature"] == 0.5
