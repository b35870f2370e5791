"""Nothing that anybody writes runs in the page or leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.payloads import PAYLOADS
from tests.e2e.server import Server

HARMLESS = """() => [...document.querySelectorAll("#thread, #completion-answer, .conversation")]
    .flatMap((place) => [...place.querySelectorAll("*")])
    .filter((each) => [...each.attributes].some(({ name, value }) =>
        name.startsWith("on") || name === "srcdoc" || name === "style"
        || (name === "href" && /^\\s*(javascript|data|vbscript):/i.test(value)))
        || /^(script|iframe|object|embed|img|form|style|base|meta|video)$/i.test(each.tagName))
    .map((each) => each.outerHTML)"""


def conversation(number: int, payload: str) -> dict[str, object]:
    nodes = {
        f"u{number}": {"id": f"u{number}", "parent": None, "role": "user", "content": payload},
        f"a{number}": {
            "id": f"a{number}", "parent": f"u{number}", "role": "assistant", "content": payload,
        },
    }  # fmt: skip
    own = {"id": f"c{number}", "title": payload[:200], "created": number, "updated": number}
    return {**own, "system": payload, "options": {}, "nodes": nodes, "leaf": f"a{number}"}


def test_a_hundred_payloads_in_every_place(visit: Visits, scripted: Server, tmp_path: Path) -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 100
    visitor = visit(scripted, expect=("400", "404"))
    page = visitor.page
    file = tmp_path / "evil.json"
    for number, payload in enumerate(PAYLOADS):
        # An imported file is drawn the same way as a prompt and an answer.
        found = {"format": "westlake-conversations", "version": 1}
        found |= {"conversations": [conversation(number, payload)]}
        file.write_text(json.dumps(found), encoding="utf-8")
        page.set_input_files("#import-file", file)
        expect(page.locator("#thread .mine .said")).to_have_text(payload, use_inner_text=False)
        page.wait_for_selector("#thread .theirs .foot", state="attached")
        assert page.evaluate(HARMLESS) == [], payload
    assert visitor.forbidden() == []


@pytest.mark.parametrize("start", range(0, 100, 20))
def test_payloads_as_prompts_and_answers(visit: Visits, scripted: Server, start: int) -> None:
    """Twenty at a time in one streamed answer each; the rest of the way is the import's."""
    visitor = visit(scripted)
    for payload in (PAYLOADS[start], "\n\n".join(PAYLOADS[start : start + 20])):
        visitor.ask(f"say {payload}")
        assert visitor.page.evaluate(HARMLESS) == []
    visitor.page.click("[data-room=completion]")
    visitor.page.fill("#completion-prompt", f"say {PAYLOADS[start + 1]}")
    visitor.page.click("#completion-send")
    visitor.page.wait_for_selector("#completion-answer .foot:not([hidden])")
    assert visitor.page.evaluate(HARMLESS) == []


def test_error_messages_and_names(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("400", "404"))
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    for payload in PAYLOADS[:20]:
        page.fill("#chat-temperature", payload)  # a number it is not: the server's message
        visitor.send(payload)
        expect(page.locator("#chat-failure")).to_be_visible()
        assert page.locator("#chat-failure :not(strong, button)").count() == 0
        page.click("#new-chat")
    page.fill("#chat-temperature", "")
    page.select_option("#model", index=1)
    visitor.ask("one")
    page.click("#chat-code")
    for language in page.locator("[data-code]").all():
        language.click()
        page.wait_for_timeout(30)
        assert page.locator("#code-text :not(span)").count() == 0
    # A server, or a proxy, that answers with markup instead of JSON.
    evil = '<img src=x onerror="boom()">'
    visitor.context.route("**/v1/chat/completions", lambda route: route.fulfill(
        status=400, content_type="application/json",
        body=json.dumps({"error": {"message": evil, "param": evil}})))  # fmt: skip
    page.keyboard.press("Escape")
    visitor.send("two")
    expect(page.locator("#chat-failure strong")).to_have_text(evil)


@pytest.mark.parametrize(
    ("text", "selector", "shown"),
    [
        ("**b** and `c`", "strong", "b"),
        ("# One", "h3", "One"),
        ("| a | b |\n|--:|---|\n| 1 | 2 |", "td.to-right", "1"),
        ("[x](https://example.org)", "a[rel~=noopener][target=_blank]", "x"),
        ("```python\nprint(1)\n```", ".code-block .hljs-built_in", "print"),
        ("价格 $5 和 $6", "p", "价格 $5 和 $6"),
        (r"求 \(x^2\) 的值", "math msup", "x2"),
        ("\\[\n\\frac{1}{2}\n- 3\n\\]", "math[display=block] mfrac", "12"),
        ("$$a_1$$", "math msub", "a1"),
        (r"`\(code\)`", "code", r"\(code\)"),
    ],
)
def test_markdown_and_formulas(
    visit: Visits, scripted: Server, text: str, selector: str, shown: str
) -> None:
    visitor = visit(scripted)
    answer = visitor.ask(f"say {text}")
    found = answer.locator(f".said {selector}").first
    expect(found).to_have_text(shown)
