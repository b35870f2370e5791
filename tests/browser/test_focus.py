"""Keyboard focus: few tab stops, arrow keys between buttons, and focus is never lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SLOW
from tests.browser.visitor import Visitor
from tests.harness.server import Server

MOST_STOPS = 60
ANSWER = "An **answer**.\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"
CHAT = [text for number in range(60) for text in (f"Question {number}", ANSWER)]
#: What has the focus, told so that a failure can be read.
FOCUSED = """(({ tagName, id, className, dataset }) =>
    [tagName, id, className, dataset.action ?? ""].join(" ").trim())(document.activeElement)"""


def pressed(visitor: Visitor, selector: str) -> None:
    """Press a button by keyboard."""
    visitor.page.locator(selector).last.focus()
    visitor.page.keyboard.press("Enter")


@pytest.mark.parametrize("lang", ["en"])
def test_a_long_chat_has_few_stops(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.keep(CHAT)
    page.wait_for_selector(".turn:last-child .code-block")
    page.focus("#skip")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED).startswith("BODY"), "the skip link is the first"
    stops: list[str] = []
    for _ in range(2 * MOST_STOPS):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if stops[-1].startswith("BODY"):
            break
    assert "BODY" in stops[-1] and len(stops) <= MOST_STOPS, stops
    assert "skip" in stops[0], "past the bar and the list in one step"
    assert any("chat-message" in stop for stop in stops)

    page.locator(".turn:last-child [data-action=edit]").focus()
    for key, action, row in (
        ("ArrowRight", "regenerate", 119),
        ("ArrowLeft", "edit", 119),
        ("ArrowUp", "edit", 118),
        ("ArrowUp", "edit", 117),
        ("ArrowDown", "edit", 118),
    ):
        page.keyboard.press(key)
        button = page.locator(f".turn[data-id=k{row}] [data-action={action}]")
        expect(button).to_be_focused()


def test_the_first_link_leads_to_the_box(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    for tab, box in (("chat", "chat-message"), ("completion", "completion-prompt")):
        visitor.page.click(f"[data-tab={tab}]")
        visitor.page.focus("#skip")
        assert visitor.page.inner_text("#skip") == visitor.label("skip")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator(f"#{box}")).to_be_focused()
        expect(visitor.page.locator(f"#{tab}")).to_be_visible()


@pytest.mark.parametrize("lang", ["en"])
def test_the_list_of_chats_is_one_stop(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    for text in ("one", "two", "three"):
        page.click("#new-chat")
        visitor.ask(text)
    stops = page.locator("#conversations button:not([tabindex='-1'])")
    expect(stops).to_have_text(["three"])  # the one that is shown
    stops.focus()
    for key, there in (("ArrowDown", "two"), ("ArrowDown", "one"), ("ArrowUp", "two")):
        page.keyboard.press(key)
        expect(page.locator(".conversation", has_text=there)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-action=delete]").nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#conversation-title")).to_have_text("two")


ACTIONS: dict[str, Callable[[Visitor], None]] = {
    "an example": lambda visitor: pressed(visitor, "#welcome [data-example]"),
    "edit": lambda visitor: pressed(visitor, ".user [data-action=edit]"),
    "cancel": lambda visitor: pressed(visitor, ".editing button:first-child"),
    "again": lambda visitor: pressed(visitor, ".assistant [data-action=regenerate]"),
    "earlier": lambda visitor: pressed(visitor, ".assistant [data-action=earlier]"),
    "remove": lambda visitor: pressed(visitor, ".assistant [data-action=remove]"),
    "a failure": lambda visitor: visitor.send("refuse it"),
    "try again": lambda visitor: pressed(visitor, "#chat-failure .outlined"),
    "a new chat": lambda visitor: pressed(visitor, "#new-chat"),
    "an old chat": lambda visitor: pressed(visitor, ".conversation"),
    "parameters": lambda visitor: pressed(visitor, "[data-parameters=chat-parameters]"),
    "closed": lambda visitor: pressed(visitor, "#chat-parameters [data-close]"),
}


def test_the_focus_is_never_lost(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503",))
    page = visitor.page
    lost = []
    for name, act in ACTIONS.items():
        act(visitor)
        visitor.answered() if page.locator(".turn").count() else None
        page.wait_for_timeout(60)  # two drawings: what is hidden has lost the focus by then
        if page.evaluate("document.activeElement === document.body"):
            lost.append(name)
    page.click("#new-chat")
    page.fill("#chat-message", SLOW)
    pressed(visitor, "#chat-send")
    page.wait_for_selector(".assistant .content:has-text('word w')")
    expect(page.locator("#chat-stop-button")).to_be_focused()
    page.keyboard.press("Enter")
    visitor.answered()
    expect(page.locator("#chat-send")).to_be_focused()
    page.click("[data-tab=completion]")
    pressed(visitor, "[data-example=completion]")
    page.wait_for_selector("#completion-answer .footer:not([hidden])")
    pressed(visitor, "#completion-send")
    expect(page.locator("#completion-send")).to_be_focused()
    page.click("[data-tab=embeddings]")
    page.fill("#embeddings-input", "one\ntwo")
    pressed(visitor, "#embeddings-send")
    page.wait_for_selector(".ranking")
    expect(page.locator("#embeddings-send")).to_be_focused()
    assert lost == []
