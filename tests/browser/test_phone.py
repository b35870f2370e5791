"""The page on a phone: where it begins, and tables that are wider than the screen."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.harness.server import Server

PHONE = {"width": 360, "height": 740}
TABLE = """| Planet | Average temperature | Distance from the Sun | 备注 |
|---|---|---|---|
| Mercury | extraordinarily hot | nearest | 离太阳最近的一颗行星 |"""
#: Words that stand on more than one line, and cells too narrow to read in.
BROKEN = """place => [...place.querySelectorAll("th, td")].flatMap((cell) => {
    const text = cell.firstChild;
    const words = [...text.data.matchAll(/[a-z]+/gi)].filter(({ 0: word, index }) => {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        return range.getClientRects().length > 1;
    });
    return [...words.map(([word]) => word), ...(cell.offsetHeight > 120 ? [text.data] : [])];
})"""


def test_a_phone(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, viewport=PHONE)
    page = visitor.page
    scroller = page.locator("#chat-scroller")
    assert scroller.evaluate("each => each.scrollTop") == 0, "it begins at its top"
    assert scroller.evaluate("each => each.scrollHeight <= each.clientHeight"), "all of it is seen"

    answer = visitor.ask(f"say x\n\n{TABLE}\n\n$$x{' + x' * 60}$$")
    own = page.locator(".user .content")
    for said in (answer, own):
        expect(said.locator("td")).to_have_count(4)
        assert said.evaluate(BROKEN) == []
        table = said.locator(".scroll").first
        assert table.evaluate("each => each.scrollWidth > each.clientWidth"), "it scrolls"
    table = answer.locator(".scroll").first
    expect(table).to_have_attribute("tabindex", "0")
    table.press("ArrowRight")
    page.wait_for_function("table => table.scrollLeft > 0", arg=table.element_handle())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page does not"
