"""axe-core finds nothing wrong with any tab, light or dark, in both languages, wide or narrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.translations import TRANSLATIONS
from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import REFUSE
from tests.harness.server import Server

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
RULES = "{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }"


def violations(page: Page) -> list[str]:
    """axe's findings, one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)  # by the debugger, as the page's policy lets no other script in
    found: list[dict[str, Any]] = page.evaluate(
        f"axe.run(document, {RULES}).then((r) => r.violations)"
    )
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


#: What else an answer may hold.
MORE = """[^1], ![g](https://a.example/i.png)

# H
#### I
| j |
|---|
| k |

$x$

[^1]: l

```html
<a href="m">n</a> <!-- o -->
```
```diff
- p
+ q
```"""


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab(visit: Visits, scripted: Server, scheme: str, width: int) -> None:
    screen = {"width": width, "height": 800}
    visitor = visit(scripted, color_scheme=scheme, viewport=screen)
    page = visitor.page
    found = violations(page)
    visitor.ask(
        "say **b** `c` [d](https://example.org)\n\n```python\nprint(1)\n```\n\n1. e\n- [x] f" + MORE
    )
    visitor.press(visitor.answered(), "regenerate")
    visitor.answered()
    page.click("[data-parameters=chat-parameters]")
    found += violations(page)
    page.click("#chat-parameters [data-close]")
    page.click("#chat-code")
    page.wait_for_timeout(150)
    found += violations(page)
    page.keyboard.press("Escape")
    page.click("[data-tab=completion]")
    page.fill("#completion-prompt", "say 你\n好")
    page.click("#completion-send")
    page.wait_for_selector("#completion-answer .footer:not([hidden])")
    page.click("#exact-prompt summary")
    page.wait_for_timeout(400)
    found += violations(page)
    page.click("[data-tab=embeddings]")
    page.locator("#embeddings [data-example]").last.click()
    page.wait_for_selector(".bar-chart")
    lines = page.locator(".numeric").evaluate_all("all => all.map((each) => each.offsetHeight)")
    assert max(lines) < 30, "no number is broken"
    found += violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways"
    assert found == []
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, [type=checkbox], nav a")]
            .map((each) => [each, each.getBoundingClientRect()])
            .filter(([each, { width, height }]) => width && (width < 24 || height < 24)
                && !each.closest("label") && !each.matches(".token"))
            .map(([each]) => each.outerHTML)"""
    )
    assert small == [], "targets of 24 pixels or more"


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("zh-CN", "dark")])
def test_what_is_told(visit: Visits, scripted: Server, scheme: str) -> None:
    """The model's card, failures, and notices."""
    visitor = visit(scripted, color_scheme=scheme, expect=("503",))
    page = visitor.page
    page.click("#model-open")
    page.wait_for_timeout(150)
    found = violations(page)
    page.keyboard.press("Escape")
    visitor.send(f"{REFUSE}too many")
    page.click("#chat-failure summary")
    page.evaluate(
        "document.querySelectorAll('#chat-repetition, #key-needed').forEach((e) => e.hidden = 0)"
    )
    found += violations(page)
    page.evaluate("document.getElementById('chat-failure').classList.add('info')")
    found += violations(page)
    page.click("#key-enter")
    page.fill("#key-value", "\u6e56")
    page.click("#key-save")
    expect(page.locator("#key-error")).to_have_text(visitor.words("error_wrong_key"))
    found += violations(page)
    assert found == []


#: Of a window of 1440 x 900: what is left of it at 200 and at 400 %.
ZOOMED = {200: {"width": 720, "height": 450}, 400: {"width": 360, "height": 225}}


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("zh-CN", "dark")])
def test_zoomed(visit: Visits, scripted: Server, scheme: str) -> None:
    visitor = visit(scripted, color_scheme=scheme)
    page = visitor.page
    found = []
    for size in ZOOMED.values():
        page.set_viewport_size(size)
        visitor.open("/")
        page.mouse.wheel(0, 1000)  # what lies beside the box is not under it
        page.wait_for_timeout(100)
        found += violations(page)
        page.mouse.wheel(0, -1000)
        expect(page.locator("#welcome h2")).to_be_visible()
        expect(page.locator("#help-open")).to_be_visible()
        taken = "document.querySelector('.composer-area').getBoundingClientRect().height"
        assert page.evaluate(taken) < 0.45 * size["height"], "the rest is for reading"
        assert page.evaluate("document.documentElement.scrollHeight > innerHeight"), "all of it"
        visitor.ask("say one\n\n" + "two " * 400)
        last = page.locator(".turn").last.locator(".stats")
        expect(last).to_be_in_viewport()  # the end is followed here too
        found += violations(page)
        page.click("[data-parameters=chat-parameters]")
        page.select_option("#chat-do_sample", "false")  # others have no effect then
        found += violations(page)
        page.keyboard.press("Escape")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways"
    assert found == []


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("zh-CN", "dark")])
def test_folded_turns_and_high_contrast(visit: Visits, scripted: Server, scheme: str) -> None:
    visitor = visit(scripted, color_scheme=scheme)
    page = visitor.page
    visitor.keep(["a question", "long " * 14_000 + "\n\n`code` [link](https://example.org)"])
    visitor.ask("say two")
    expect(page.locator(".turn.truncated .stats")).to_have_count(1)
    page.evaluate("document.querySelector('.turn.truncated .content p').textContent = 'long'")
    found = violations(page)
    page.emulate_media(forced_colors="active", color_scheme=scheme)  # type: ignore[arg-type]
    page.wait_for_timeout(300)  # until all is drawn in them
    found += violations(page)
    assert found == []
    edges = page.locator(".tabs a").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).borderBottomColor)"
    )
    assert edges[0] not in edges[1:] and len(set(edges[1:])) == 1, "which tab it is"
    send = "getComputedStyle(document.getElementById('chat-send')).borderTopStyle"
    assert page.evaluate(send) == "solid"
    page.click("[data-tab=completion]")
    ground = "all => all.map((each) => getComputedStyle(each).backgroundColor)"
    assert len(set(page.locator(".segments span").evaluate_all(ground))) == 2, "which is chosen"
    visitor.complete("say abcdefgh")
    page.locator(".token").first.click()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_api_page(visit: Visits, scripted: Server, lang: str, scheme: str) -> None:
    visitor = visit(scripted, color_scheme=scheme)
    page = visitor.page
    page.goto(f"{scripted.url}/docs")
    expect(page.locator("h1")).to_have_text(TRANSLATIONS[lang].docs["title"])
    paths = page.request.get(f"{scripted.url}/openapi.json").json()["paths"]
    expect(page.locator(".document section")).to_have_count(sum(map(len, paths.values())))
    heads = page.locator("thead th").evaluate_all("all => all.map((each) => each.offsetHeight)")
    assert max(heads) < 45, "one line each"
    found = violations(page)
    page.set_viewport_size({"width": 360, "height": 740})
    found += violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("#model-open")
    expect(page.locator("#about-model")).to_be_visible()
    assert page.url.endswith("/"), "a reload does not open it again"
    assert found == []


def test_theme_and_language(visit: Visits, scripted: Server, lang: str) -> None:
    visitor = visit(scripted, color_scheme="light")
    page = visitor.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.click("#theme")
    dark = page.evaluate(colour)
    assert dark != light
    page.click(".language-link")
    other = "en" if lang == "zh-CN" else "zh-CN"
    page.wait_for_selector(f"html[lang={other}][data-started]")
    expect(page.locator("#welcome h2")).to_have_text(TRANSLATIONS[other].page["welcome_demo"])
    assert page.evaluate(colour) == dark, "it stays"
    page.click("[data-tab=embeddings]")
    # The tab changes with the address, whose event comes after the click.
    expect(page.locator("[data-tab=embeddings]")).to_have_attribute("aria-current", "page")
    assert page.locator("#chat").is_hidden() and page.locator("#embeddings").is_visible()
