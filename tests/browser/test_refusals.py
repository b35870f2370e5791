"""What the chat says when something goes wrong, and what a person can then do."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import BREAK, REFUSE
from tests.e2e.server import Server

CHAT = "/v1/chat/completions"


def test_failures_say_what_to_do(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503", "ERR_INCOMPLETE_CHUNKED", "ERR_FAILED"))
    page = visitor.page
    box = page.locator("#chat-failure")
    visitor.send(f"{REFUSE}Too many requests are in flight")
    expect(box).to_contain_text(visitor.words("next_overloaded", seconds="1"))
    assert box.get_attribute("role") == "alert"
    assert len(visitor.said()) == 1, "the question stays, without an empty answer"
    visitor.button(visitor.words("try_again")).last.click()
    expect(box).to_contain_text(visitor.words("next_overloaded", seconds="1"))
    page.click("#new-chat")
    visitor.send(BREAK)
    # The connection ends right after the event; browsers may lose the event with it.
    either = (visitor.words("next_fault"), visitor.words("next_cut"))
    expect(box).to_contain_text(re.compile("|".join(map(re.escape, either))))
    visitor.answered()

    page.click("#new-chat")
    page.route(f"**{CHAT}", lambda route: route.abort())
    visitor.send("say there")
    expect(box).to_contain_text(visitor.words("no_network"))
    expect(box).to_contain_text(visitor.words("next_no_network"))
    page.unroute(f"**{CHAT}")
    box.get_by_role("button").click()
    visitor.answered()
    assert visitor.said() == ["say there", "there"] and box.is_hidden()


def test_parameters_out_of_range_name_their_field(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("400",))
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-temperature", "3")
    assert page.get_attribute("#chat-temperature", "aria-invalid") == "true"
    visitor.send("a")
    expect(page.locator("#chat-failure")).to_contain_text(
        visitor.words("next_field", field="temperature")
    )
    page.fill("#chat-temperature", "")
    visitor.button(visitor.words("try_again")).first.click()
    visitor.answered()
    assert visitor.said()[1] == "You said: a"


def test_the_key_is_sent_and_not_shown(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("#key-open")
    page.fill("#key-value", "sk-secret")
    page.click("#key button[value=save]")
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
    visitor.send("你好")
    expect(page.locator("#chat-failure")).to_contain_text(visitor.words("next_key"))
    visitor.button(visitor.words("enter_key")).click()
    page.fill("#key-value", "sk-test")
    page.keyboard.press("Enter")
    visitor.button(visitor.words("try_again")).first.click()
    visitor.answered()
    assert visitor.said()[1] == "You said: 你好"
