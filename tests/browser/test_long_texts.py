"""Long texts: dropped and pasted files, token counts before and after sending."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SLOW
from tests.browser.visitor import Visitor
from tests.harness.server import Server

#: Drops a file on the page, wherever; tells whether the browser was kept from opening it.
DROP = """([name, content]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(content)], name));
    const about = { dataTransfer, bubbles: true, cancelable: true };
    return ["dragover", "drop"].map((kind) =>
        !document.querySelector(".header").dispatchEvent(new DragEvent(kind, about)));
}"""
LINES = "line one\nline two 西湖\n" * 200


def drop(visitor: Visitor, name: str, content: bytes | int) -> None:
    """Drop a file on the page's header; for a number only the size matters."""
    bytes_ = content if isinstance(content, int) else list(content)
    assert visitor.page.evaluate(DROP, [name, bytes_]) == [True, True]


def test_a_dropped_file(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    box, said, meter = page.locator("#chat-message"), page.locator("#announcer"), "#chat-meter"
    page.fill("#chat-message", "Look:")
    assert page.inner_text(meter) == "", "a short text is no matter of room"
    for encoding in ("utf-8", "gb18030"):
        page.fill("#chat-message", "Look:")
        drop(visitor, "lines.txt", LINES.replace("\n", "\r\n").encode(encoding))
        expect(box).to_have_value(f"Look:\n\n{LINES}")
        told = visitor.words("file_read", name="lines.txt", count="4,200")
        expect(said).to_have_text(told)
    estimate = re.match(r"~([\d,]+) / ", page.inner_text(meter))
    assert estimate and 900 < int(estimate[1].replace(",", "")) < 1600
    expect(box).to_be_focused()
    page.press("#chat-message", "Enter")
    visitor.answered()
    assert visitor.bodies("/v1/chat/completions")[0]["messages"][0]["content"] == (
        f"Look:\n\n{LINES}"
    )
    page.fill("#chat-message", "湖" * 66_000)
    expect(page.locator(f"{meter}.over")).to_be_visible()
    page.fill("#chat-message", "")
    for name, content, told in (
        ("b.png", b"a\0b", "file_no_text"),
        ("c.txt", b"\xff" * 9, "file_no_text"),
        ("d.txt", 1_000_001, "file_large"),
    ):
        drop(visitor, name, content)
        expect(page.locator("#chat-failure")).to_contain_text(visitor.words(told, name=name))
    assert page.url.startswith(scripted.url)
    page.click("[data-tab=embeddings]")
    drop(visitor, "texts.txt", "一\n二".encode())
    expect(page.locator("#embeddings-input")).to_have_value("一\n二")


def test_a_long_text_is_folded(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("short")
    assert page.locator(".collapse-toggle").count() == 0
    visitor.ask(f"say {LINES}")
    height = "document.querySelector('.user:nth-last-child(2) .content').offsetHeight"
    assert page.evaluate(height) < 300
    fold = page.locator(".collapse-toggle")
    expect(fold).to_have_text(visitor.words("show_all", count="4,204"))
    fold.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(height) > 5000
    expect(fold).to_have_text(visitor.words("show_less"))
    expect(fold).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    assert page.evaluate(height) < 300
    page.emulate_media(media="print")
    assert page.evaluate(height) > 5000, "on paper it is all there"
    assert page.evaluate("document.documentElement.scrollHeight") > 10_000, "not one screen of it"
    for place in (".header", ".sidebar", ".composer-area", ".collapse-toggle"):
        expect(page.locator(place)).to_be_hidden()


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_back_to_the_end(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, viewport={"width": 900, "height": 500})
    page = visitor.page
    visitor.ask(f"say {LINES}")
    visitor.send(SLOW)
    page.wait_for_selector(".assistant .state")
    end = visitor.button(visitor.label("to_the_end"))
    expect(end).to_be_hidden()
    page.hover("#thread")
    page.mouse.wheel(0, -2000)
    expect(end).to_be_visible()
    top = page.evaluate("document.getElementById('chat-scroller').scrollTop")
    page.wait_for_timeout(300)
    assert page.evaluate("document.getElementById('chat-scroller').scrollTop") == top, "left alone"
    end.focus()
    page.keyboard.press("Enter")
    expect(end).to_be_hidden()
    expect(page.locator(".assistant .state")).to_be_in_viewport()
    assert page.evaluate("document.activeElement !== document.body")
    page.click("#chat-stop-button")
    visitor.answered()
