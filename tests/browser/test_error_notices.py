"""Error notices, and what the user can do next."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import BREAK, REFUSE
from tests.browser.visitor import Visitor
from tests.harness.server import Server

CHAT = "/v1/chat/completions"


def test_failures_say_what_to_do(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503", "ERR_INCOMPLETE_CHUNKED", "ERR_FAILED"))
    page = visitor.page
    box = page.locator("#chat-failure")
    visitor.send(f"{REFUSE}Too many requests are in flight")
    sentences(box, visitor, "overloaded", seconds="1")
    details = box.locator("details")
    assert not details.evaluate("each => each.open"), "the server's own message is collapsed"
    expect(details).to_contain_text("Too many requests are in flight")
    assert box.get_attribute("role") == "alert"
    assert visitor.said() == []
    expect(page.locator("#chat-message")).to_have_value(re.compile(f"^{REFUSE}"))
    visitor.button(visitor.words("try_again")).last.click()
    sentences(box, visitor, "overloaded", seconds="1")
    page.click("#new-chat")
    visitor.send(BREAK)
    # The connection ends right after the event; browsers may lose the event with it.
    either = (visitor.words("next_fault"), visitor.words("next_cut"))
    expect(box).to_contain_text(re.compile("|".join(map(re.escape, either))))
    visitor.answered()

    page.click("#new-chat")
    page.route(f"**{CHAT}", lambda route: route.abort())
    visitor.send("say there")
    sentences(box, visitor, "network")
    visitor.button(visitor.words("close")).first.click()
    expect(box).to_be_hidden()
    page.locator(".conversation").last.click()
    page.go_back()
    expect(page.locator("#chat-message")).to_have_value("say there")
    assert box.is_hidden(), "once closed it stays away"
    page.press("#chat-message", "Enter")
    sentences(box, visitor, "network")
    page.unroute(f"**{CHAT}")
    visitor.button(visitor.words("try_again")).last.click()
    visitor.answered()
    assert visitor.said() == ["say there", "there"] and box.is_hidden()


def test_parameters_out_of_range_are_told_by_their_labels(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("400",))
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    for name, value, least in (
        ("top_k", "1.5", "0"),
        ("temperature", "hot", "0"),
        ("repetition_penalty", "0", "0"),
    ):
        box, told = page.locator(f"#chat-{name}"), page.locator(f"#chat-{name}-range")
        box.fill(value)
        assert box.get_attribute("aria-invalid") == "true"
        expect(told).to_contain_text(visitor.label(name))
        expect(told).to_contain_text(least)
        expect(box).to_have_accessible_description(re.compile(re.escape(told.inner_text())))
        box.fill("1")
        assert box.get_attribute("aria-invalid") is None
        expect(told).to_have_text("")
    box.scroll_into_view_if_needed()
    page.locator("#chat-stop").scroll_into_view_if_needed()
    expect(page.locator("#chat-parameters [data-close]")).to_be_in_viewport()
    page.fill("#chat-temperature", "3")
    assert page.get_attribute("#chat-temperature", "aria-invalid") == "true"
    visitor.send("a")
    box = page.locator("#chat-failure")
    label = visitor.label("temperature")
    sentences(box, visitor, "field_range", "field", field=label, min="0", max="2")
    own = box.locator("details p")
    if visitor.lang == "en":
        assert own.count() == 0, "it says the same"
    else:
        expect(own).to_have_text(re.compile("temperature.* must be a number from 0 to 2"))
    page.fill("#chat-top_k", "5")
    assert box.is_visible()
    page.locator("[data-name=temperature] .reset").first.click()
    expect(box).to_be_hidden()
    page.press("#chat-message", "Enter")
    visitor.answered()
    assert visitor.said()[1] == "You said: a"


def test_loading_is_told_calmly_and_goes_away(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503",))
    page = visitor.page
    loading = {"error": {"message": "The model is still loading", "code": "model_loading"}}
    page.route(f"**{CHAT}", lambda route: route.fulfill(status=503, json=loading))
    page.route("**/ready", lambda route: route.fulfill(status=503, json={"status": "loading"}))
    visitor.send("a")
    box, line = page.locator("#chat-failure"), page.locator("#state")
    sentences(box, visitor, "model_loading")
    assert box.get_attribute("role") == "status"
    expect(line).to_have_text(visitor.words("state_loading"))
    colours = {
        each.evaluate("each => getComputedStyle(each).backgroundColor") for each in (box, line)
    }
    assert colours == {"rgb(227, 239, 236)"}, "the wash of the lake, not the seal's red"
    page.unroute("**/ready")
    expect(line).to_be_hidden()
    expect(box).to_be_hidden()


def test_the_key_is_sent_and_not_shown(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("#key-open")
    page.fill("#key-value", "sk-secret")
    page.click("#key button[value=save]")
    expect(page.locator("#key")).to_be_hidden()  # it is tried first
    visitor.ask("one")
    [request] = [r for r in visitor.sent if r.url.endswith(CHAT)]
    assert request.headers["authorization"] == "Bearer sk-secret"
    page.click("#chat-code")
    for language in page.locator("[data-code]").all():
        language.click()
        assert "sk-secret" not in page.inner_text("#code-text")
    assert page.evaluate("JSON.stringify(localStorage)").count("sk-secret") == 0
    page.keyboard.press("Escape")
    visitor.open()
    visitor.ask("two")
    asked = [r for r in visitor.sent if r.url.endswith(CHAT)]
    assert asked[-1].headers["authorization"] == "Bearer sk-secret", "for this visit"


def test_a_server_that_asks_for_a_key(visit: Visits, keyed: Server) -> None:
    visitor = visit(keyed, expect=("401",))
    page = visitor.page
    needed, wrong = page.locator("#key-needed"), page.locator("#key-error")
    expect(needed).to_contain_text(visitor.words("error_invalid_api_key"))
    visitor.send("你好")
    expect(page.locator("#key")).to_be_visible()
    assert visitor.posted(CHAT) == [] == visitor.posted("/tokenize"), "asked for before it is sent"
    page.keyboard.press("Escape")
    box = page.locator("#chat-failure")
    sentences(box, visitor, "invalid_api_key")
    visitor.button(visitor.words("enter_key")).last.click()
    page.fill("#key-value", "sk-wrong")
    page.keyboard.press("Enter")
    expect(wrong).to_have_text(visitor.words("error_wrong_key"))
    expect(page.locator("#key-value")).to_be_focused()
    page.fill("#key-value", "sk-test")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()
    expect(page.locator("#thread .content").nth(1)).to_have_text("You said: 你好")
    assert box.is_hidden() and needed.is_hidden()


def sentences(box: Locator, visitor: Visitor, name: str, then: str = "", **places: str) -> None:
    """The notice says what happened, then what to do, with a space between them in English."""
    what = visitor.words(f"error_{name}", **places)
    blank = "" if visitor.lang == "zh-CN" else " "
    told = what + blank + visitor.words(f"next_{then or name}", **places)
    expect(box.locator("p").first).to_have_text(told)
    assert "。 " not in (box.text_content() or "")
