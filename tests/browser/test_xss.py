"""Nothing that anybody writes runs in the page or leaves it: a hundred payloads through each of
the five places where a stranger's words come in. Every one is to be seen, as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import REFUSE
from tests.browser.visitor import Visitor
from tests.browser.xss_payloads import NAME, PAYLOADS, READ
from tests.harness.server import Server

pytestmark = pytest.mark.parametrize("lang", ["en"])  # markup is markup in every language

#: Attributes and elements that no text of a stranger's may ever have become.
HARMFUL = """() => [...document.querySelectorAll("main *, .header *, dialog *")]
    .filter((each) => [...each.attributes].some(({ name, value }) =>
        name.startsWith("on") || /^src/.test(name)
        || (name === "style" && each.closest("#thread"))
        || (name === "href" && /^\\s*(javascript|data|vbscript):/i.test(value)))
        || /^(script|iframe|object|embed|img|base|meta|link|video|audio)$/i.test(each.tagName)
        || each.matches("#thread :is(form, style, input, select)"))
    .map((each) => each.outerHTML)"""


def harmless(visitor: Visitor) -> None:
    """No payload became markup, ran or sent a request."""
    assert visitor.page.evaluate(HARMFUL) == []
    assert visitor.forbidden() == []


def test_prompts_and_answers(visit: Visits, scripted: Server) -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 100
    visitor = visit(scripted)
    page = visitor.page
    for start in range(0, 100, 20):
        page.click("#new-chat")
        batch = PAYLOADS[start : start + 20]
        for payload in batch:
            visitor.ask(payload)  # which is answered with itself
        expect(page.locator("#thread .user .content")).to_have_text([READ[each] for each in batch])
        expect(page.locator("#thread .assistant .content")).to_have_text(
            [READ[each] for each in batch]
        )
        harmless(visitor)
    told = [body["messages"][-1]["content"] for body in visitor.bodies("/v1/chat/completions")]
    assert told == list(PAYLOADS), "what was sent is what was written"


def test_an_imported_file(visit: Visits, scripted: Server, tmp_path: Path) -> None:
    visitor = visit(scripted)
    page = visitor.page
    file = tmp_path / "evil.json"
    own = [conversation(number, payload) for number, payload in enumerate(PAYLOADS)]
    found = {"format": "westlake-conversations", "version": 1, "conversations": own}
    file.write_text(json.dumps(found), encoding="utf-8")
    page.set_input_files("#import-file", file)
    titles = page.locator(".conversation")
    expect(titles).to_have_text(PAYLOADS)
    for number, payload in enumerate(PAYLOADS):
        titles.nth(number).click()
        expect(page.locator("#thread .user .content")).to_have_text(READ[payload])
        expect(page.locator("#thread .assistant .content")).to_have_text(READ[payload])
        expect(page.locator("#conversation-title")).to_have_text(payload)
        assert page.input_value("#chat-system") == payload
    harmless(visitor)
    titles.first.hover()
    page.locator(".conversations li").first.locator(".quiet").click()
    expect(page.locator("#undo-text")).to_contain_text(PAYLOADS[0])
    harmless(visitor)


def conversation(number: int, payload: str) -> dict[str, object]:
    """A conversation in which every text is the payload."""
    turns = (("u", "user", None), ("a", "assistant", f"u{number}"))
    nodes = {
        f"{letter}{number}": {
            "id": f"{letter}{number}", "parent": parent, "role": role, "content": payload,
        }
        for letter, role, parent in turns
    }  # fmt: skip
    own = {"id": f"c{number}", "title": payload, "created": number, "updated": -number}
    return {**own, "system": payload, "options": {}, "nodes": nodes, "leaf": f"a{number}"}


def test_error_messages(visit: Visits, scripted: Server) -> None:
    """The server's own, and those that somebody between it and the page may write."""
    visitor = visit(scripted, "/#completion", expect=("503", "400"))
    page = visitor.page
    shown = page.locator("#completion-failure")

    def see(prompt: str, payload: str) -> None:
        page.fill("#completion-prompt", prompt)
        page.click("#completion-send")
        expect(shown.locator("details p")).to_have_text(payload)
        assert shown.locator(":not(p, strong, button, svg, use, details, summary)").count() == 0

    for payload in PAYLOADS:
        see(f"{REFUSE}{payload}", payload)
    harmless(visitor)
    answers = iter(PAYLOADS)
    page.route("**/v1/completions", lambda route: refuse(route, answers))
    for payload in PAYLOADS:
        see("anything", payload)
        expect(shown.locator("strong")).to_have_text(visitor.words("error_refused"))
    harmless(visitor)


def refuse(route: Route, messages: Iterator[str]) -> None:
    """Answer with the next message, as what is wrong and as the field's name."""
    message = next(messages)
    body = json.dumps({"error": {"message": message, "param": message}})
    route.fulfill(status=400, content_type="application/json", body=body)


#: Chooses each of the further names in turn, and looks at the request as code.
CODES = """async (language) => {
    const at = (id) => document.getElementById(id);
    const seen = [];
    for (let place = 1; place <= 100; place += 1) {
        at("model").selectedIndex = place;
        at("model").dispatchEvent(new Event("change"));
        at("chat-code").click();
        document.querySelector(`[data-code=${language}]`).click();
        await new Promise(requestAnimationFrame);
        const strange = at("code-text").querySelectorAll(":not(span)").length;
        seen.push(strange ? "an element" : at("code-text").textContent);
        at("code").close();
    }
    return seen;
}"""


def test_names_of_models(visit: Visits, named: Server) -> None:
    visitor = visit(named, expect=("404",))
    page = visitor.page
    assert page.title() == f"Westlake · {NAME}"
    expect(page.locator("#model-name")).to_have_text(NAME)
    expect(page.locator("#model option")).to_have_text([NAME, *PAYLOADS])
    for language in ("json", "curl"):
        shown = page.evaluate(CODES, language)
        for payload, text in zip(PAYLOADS, shown, strict=True):
            spelled = json.dumps(payload, ensure_ascii=False)
            quoted = spelled.replace("'", "'\\''") if language == "curl" else spelled
            assert f'"model": {quoted}' in text
    page.select_option("#model", index=100)
    visitor.ask("one")
    assert visitor.bodies("/v1/chat/completions")[-1]["model"] == PAYLOADS[-1]
    harmless(visitor)
    # The server's answer to a name that it does not know tells all those it knows.
    page.evaluate("document.getElementById('model').append(new Option('nobody'))")
    page.select_option("#model", label="nobody")
    visitor.send("two")
    for payload in PAYLOADS:
        expect(page.locator("#chat-failure details")).to_contain_text(payload)
    page.goto(f"{named.url}/docs")
    expect(page.locator("#model-name")).to_have_text(NAME)
    harmless(visitor)
