"""Changed parameters are counted on the panel's button and can be reset."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.harness.server import Server

OPENER = "[data-parameters=chat-parameters]"


def test_a_sign_and_the_way_back(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, viewport={"width": 1024, "height": 700})
    page = visitor.page
    opener, badge = page.locator(OPENER), page.locator(f"{OPENER} .count-badge")
    expect(badge).to_have_count(0)
    sidebar, send = page.locator("#sidebar"), page.locator("#chat-send")
    expect(sidebar).to_be_visible()
    opener.click()
    expect(sidebar).to_be_hidden()  # there is room for one column
    send.click(trial=True)  # and it lies over nothing
    for number in ("0.7", "0.70"):
        page.fill("#chat-temperature", number)  # the default, written out
        expect(badge).to_have_count(0)
    page.fill("#chat-temperature", "1.2")
    page.fill("#chat-system", "Be brief.")
    expect(badge).to_contain_text("2")
    page.click("#chat-parameters [data-close]")
    told = f"{visitor.label('parameters')} 2 {visitor.words('parameters_set')}"
    expect(opener).to_have_accessible_name(told)
    page.click("#sidebar-toggle")
    expect(sidebar).to_be_visible()
    opener.click()
    reset = page.locator("#chat-parameters [data-name=temperature] .reset")
    name = page.inner_text("[for=chat-temperature]")
    assert reset.get_attribute("aria-label") == visitor.words("reset_one", name=name)
    reset.focus()
    page.keyboard.press("Enter")
    expect(reset).to_be_hidden()
    assert page.input_value("#chat-temperature") == ""
    page.wait_for_timeout(60)
    assert page.evaluate("document.activeElement !== document.body")
    expect(badge).to_contain_text("1")
    page.fill("#chat-system", "")
    expect(badge).to_have_count(0)


def test_the_theme_is_the_systems_again(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, color_scheme="dark")
    page = visitor.page
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("document.documentElement.dataset.theme") is None
    assert page.evaluate("localStorage.getItem('westlake:theme')") is None
