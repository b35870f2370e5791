"""The model in the header: its name, its card, and updates once it is loaded."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visits
from tests.harness.server import Server


def test_the_card(visit: Visits, real: Server) -> None:
    visitor = visit(real, expect=("ERR_FAILED",))
    page = visitor.page
    name, card = page.locator("#model-name"), page.locator("#about-model")
    expect(name).to_have_text("chinese-llama-alpaca")
    assert name.evaluate("each => each.scrollWidth <= each.clientWidth"), "it is not cut"
    page.set_viewport_size({"width": 360, "height": 740})
    expect(name).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.focus("#model-open")
    page.keyboard.press("Enter")
    expect(card).to_be_visible()
    expect(card).to_contain_text(visitor.label("embedded"))
    labels, values = (card.locator(tag).all_inner_texts() for tag in ("dt", "dd"))
    told = dict(zip(labels, values, strict=True))
    size = {"en": "3.93 M", "zh-CN": "393 万"}[visitor.lang]
    assert told[visitor.label("card_parameters")] == size
    assert told[visitor.label("card_context")] == visitor.label("card_tokens").format(count="1,024")
    assert told[visitor.label("card_template")] == visitor.label("card_template_alpaca")
    gone = card.locator("#model-unavailable")
    expect(gone).to_be_hidden()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator("#model-open")).to_be_focused()
    page.route("**/ready", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(gone).to_have_text(visitor.words("state_unreachable"))
    page.unroute("**/ready")


#: The first request waits until `answerFirst` is called, later ones fail.
HELD_FETCH = """() => {
  const plain = window.fetch;
  let isFirst = true;
  window.fetch = (...request) => {
    if (!isFirst) return Promise.reject(new TypeError("unreachable"));
    isFirst = false;
    return new Promise((resolve) => { window.answerFirst = () => resolve(plain(...request)); });
  };
}"""


def test_a_late_answer_about_the_server_changes_nothing(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page, unreachable = visitor.page, visitor.words("state_unreachable")
    gone = page.locator("#model-unavailable")
    page.evaluate(HELD_FETCH)
    page.click("#model-open")
    page.keyboard.press("Escape")
    page.click("#model-open")
    expect(gone).to_have_text(unreachable)
    with page.expect_response("**/ready"):
        page.evaluate("answerFirst()")
    page.wait_for_timeout(100)
    expect(gone).to_have_text(unreachable)


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
    told: dict[str, object] = {"rows": [["Name", "tiny"]], "chat": ["<b>one</b>"]}
    told |= {
        "instructions": ["two"],
        "continuations": ["three"],
        "purpose": "It is <small>.",
        "why": "They fit.",
    }
    page.route("**/playground/model*", lambda route: route.fulfill(json=told))
    page.evaluate("dispatchEvent(new Event('westlake:ready'))")
    expect(page.locator("#model-rows")).to_have_text("Nametiny")
    expect(page.locator("#chat-examples button")).to_have_text(["<b>one</b>"])
    expect(page.locator("#welcome [data-purpose]")).to_have_text("It is <small>.")
    expect(page.locator("#welcome [data-examples-hint]")).to_have_text("They fit.")
    page.click("[data-tab=completion]")
    expect(page.locator("#completion-examples button")).to_have_text(["two", "three"])
    page.locator("#completion-examples button").last.click()
    page.wait_for_selector("#completion-answer .footer:not([hidden])")
    assert visitor.bodies("/v1/completions")[0]["prompt_template"] == "none"
