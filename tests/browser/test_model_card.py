"""The model in the bar: its name, its card, and what is told once it is loaded."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visits
from tests.e2e.server import Server


def test_the_card(visit: Visits, real: Server) -> None:
    visitor = visit(real)
    page = visitor.page
    name, card = page.locator("#model-name"), page.locator("#about-model")
    expect(name).to_have_text("chinese-llama-alpaca")
    assert name.evaluate("each => each.scrollWidth <= each.clientWidth"), "it is not cut"
    page.focus("#model-open")
    page.keyboard.press("Enter")
    expect(card).to_be_visible()
    expect(card).to_contain_text(visitor.label("embedded"))
    labels, values = (card.locator(tag).all_inner_texts() for tag in ("dt", "dd"))
    told = dict(zip(labels, values, strict=True))
    assert told[visitor.label("card_parameters")] == "3.93 M"
    assert told[visitor.label("card_context")] == visitor.label("card_tokens").format(count="1,024")
    assert told[visitor.label("card_template")] == visitor.label("card_template_alpaca")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator("#model-open")).to_be_focused()


def test_the_card_without_scripts(browser: Browser, real: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(real.url)
    page.click("#model-open")
    expect(page.locator("#about-model")).to_contain_text("3.93 M")
    page.click("#about-model [data-close]")
    expect(page.locator("#about-model")).to_be_hidden()
    context.close()


def test_a_model_that_is_loaded_later(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    told = {"rows": [["Name", "tiny"]], "chat": ["<b>one</b>"], "instructions": ["two"]}
    told["continuations"] = ["three"]
    page.route("**/playground/model*", lambda route: route.fulfill(json=told))
    page.evaluate("dispatchEvent(new Event('westlake:ready'))")
    expect(page.locator("#model-rows")).to_have_text("Nametiny")
    expect(page.locator("#chat-examples button")).to_have_text(["<b>one</b>"])
    page.click("[data-room=completion]")
    expect(page.locator("#completion-examples button")).to_have_text(["two", "three"])
    page.locator("#completion-examples button").last.click()
    page.wait_for_selector("#completion-answer .foot:not([hidden])")
    assert visitor.bodies("/v1/completions")[0]["prompt_template"] == "none"
