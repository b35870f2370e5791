"""Answer lengths: the page's default, cut answers, repetition."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import TYPE
from tests.harness.server import Server

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ROUND = "The same line comes again.\n" * 60
#: Texts, and whether they go round in circles.
TEXTS = {
    "one line\n" * 8: True,
    "one line\n" * 7 + "one line": False,  # the last one may not have ended
    "first\nsecond\n\n" * 9: True,
    "a\nb\nc\nd\n" * 9 + "a": True,
    "a\nb\nc\nd\ne\n" * 20: True,
    "It is so. " * 9: True,
    "湖很美。" * 9: True,
    "}\n" * 40: False,
    "".join(f"{number}. the same\n" for number in range(40)): False,
    "| a | b |\n|---|---|\n" + "".join(f"| {n} | {n * n} |\n" for n in range(40)): False,
    "def f():\n    return 1\n\n" + "x = 1\ny = 2\n" * 3: False,
    "Once more, " + "and the lake " * 8: True,
    "西湖的" * 8: True,
    "[" + "0, " * 60: False,
    "ha" * 30 + "|   |" * 30 + "|---" * 30: False,
    "": False,
}


def test_what_goes_round_in_circles(visit: Visits, scripted: Server) -> None:
    found = visit(scripted).page.evaluate(
        """async (texts) => {
            const { isRepetitive } = await import("/static/js/repetition.js");
            return texts.map(isRepetitive);
        }""",
        list(TEXTS),
    )
    assert dict(zip(TEXTS, found, strict=True)) == TEXTS


def test_the_pages_own_default(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    hint = visitor.label("max_tokens_hint").format(default=1024)
    expect(page.locator("#chat-max_tokens-hint")).to_have_text(hint)
    visitor.ask("one")
    page.fill("#chat-max_tokens", "30")
    visitor.ask("two")
    assert [body["max_tokens"] for body in visitor.bodies(CHAT)] == [1024, 30]
    page.click("[data-tab=completion]")
    visitor.complete("three")
    assert visitor.bodies(COMPLETIONS)[0]["max_tokens"] == 1024


def test_a_cut_answer_offers_to_go_on(visit: Visits, real: Server) -> None:
    visitor = visit(real)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-max_tokens", "3")
    answer = visitor.ask("给我讲一些有关杭州的故事吧")
    expect(answer.locator(".stats")).to_contain_text(visitor.words("finish_length"))
    page.fill("#chat-max_tokens", "")
    answer.get_by_text(visitor.words("continue_answer"), exact=True).click()
    visitor.answered()
    assert visitor.bodies(CHAT)[1]["continue_final_message"] is True
    expect(answer.get_by_text(visitor.words("continue_answer"), exact=True)).to_have_count(0)

    page.click("[data-tab=completion]")
    page.click("[data-parameters=completion-parameters]")
    page.check("#completion [value=none]")
    page.fill("#completion-max_tokens", "1")
    visitor.complete("中国的首都是")
    expect(page.locator("#completion-continue")).to_have_text(visitor.words("continue_answer"))


def test_an_answer_that_repeats_itself_can_be_stopped(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.send(f"{TYPE}{ROUND}")
    notice = page.locator("#chat-repetition")
    expect(notice).to_contain_text(visitor.words("repetition"))
    expect(page.locator("#announcer")).to_have_text(visitor.words("repetition"))
    stop = notice.get_by_role("button")
    assert stop.inner_text() == visitor.label("stop_repetition") != visitor.label("stop")
    stop.focus()
    page.keyboard.press("Enter")
    answer = visitor.answered()
    expect(answer.locator(".stats")).to_contain_text(visitor.words("finish_stopped"))
    expect(notice).to_be_hidden()
    assert page.evaluate("document.activeElement !== document.body")

    page.click("[data-tab=completion]")
    page.fill("#completion-prompt", f"{TYPE}{ROUND}")
    page.click("#completion-send")
    page.locator("#completion-repetition button").click()
    expect(page.locator("#completion-send")).to_be_visible()
    expect(page.locator("#completion-repetition")).to_be_hidden()
