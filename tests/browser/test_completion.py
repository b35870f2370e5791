"""The completion tab with the embedded model: probabilities, the exact prompt, beams."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from app.translations import TRANSLATIONS
from tests.browser.conftest import Visits
from tests.harness.server import Server

ROUTE = "/v1/completions"


def test_probabilities(visit: Visits, real: Server) -> None:
    visitor = visit(real, "/#completion")
    page = visitor.page
    assert visitor.complete("告诉我中国的首都在哪里") == "中国的首都是北京。"
    tokens = page.locator(".token")
    assert tokens.count() > 3
    assert re.search(r"\d+\.\d%$", tokens.first.get_attribute("aria-label") or "")
    colour = "token => getComputedStyle(token).backgroundColor"
    assert tokens.first.evaluate(colour) not in ("rgba(0, 0, 0, 0)", "transparent")

    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    top = page.locator(".alternatives")
    expect(top).to_be_visible()
    assert top.locator("caption").inner_text() == visitor.words("alternatives_caption")
    assert top.locator("tr").count() == 5
    assert top.locator(".chosen").count() == 1
    shares = [float(text[:-1]) for text in top.locator("td:nth-child(2)").all_inner_texts()
              if not text.startswith("<")]  # fmt: skip
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.3
    page.keyboard.press("Escape")
    expect(top).to_be_hidden()
    [sent] = visitor.bodies(ROUTE)
    assert sent["logprobs"] == 5 and sent["prompt_template"] == "alpaca"
    assert visitor.words("finish_stop") in page.inner_text("#completion-answer .stats")


def test_how_sure_it_is_shows_without_colour(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    visitor.complete("say abcdefgh")  # the script's tokens are worth from -1/8 to -1
    lines = visitor.page.locator(".token").evaluate_all(
        """tokens => Object.fromEntries(tokens.map((token) =>
            [token.className, getComputedStyle(token).borderBottomStyle]))"""
    )
    assert len(lines) >= 2 and len(set(lines.values())) == len(lines), lines


def test_exact_prompt(visit: Visits, real: Server) -> None:
    visitor = visit(real, "/#completion")
    visitor.page.fill("#completion-prompt", "你好")
    visitor.page.click("#exact-prompt summary")
    exact = visitor.page.locator("#exact-prompt-text")
    expect(exact).to_contain_text("### Instruction:\n你好\n\n### Response: ")
    expect(visitor.page.locator("#exact-prompt-count")).to_contain_text("/ 1,024")
    visitor.page.check("#completion [value=none]")
    expect(exact).to_have_text("你好")
    visitor.complete("中国的首都是")
    assert visitor.bodies(ROUTE)[0]["prompt_template"] == "none"


def test_examples(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#completion")
    chips = visitor.page.locator("[data-example=completion]")
    examples = TRANSLATIONS[lang].examples["embedded"]["instructions"]
    assert chips.all_inner_texts() == examples
    chips.first.click()
    visitor.page.wait_for_selector("#completion-answer .footer:not([hidden])")
    assert visitor.page.input_value("#completion-prompt") == examples[0]
    assert len(visitor.page.locator("#completion-answer .content").inner_text()) > 5


def test_beams_and_several_answers(visit: Visits, real: Server) -> None:
    visitor = visit(real, "/#completion")
    page = visitor.page
    page.click("[data-parameters=completion-parameters]")
    page.fill("#completion-num_beams", "3")
    page.fill("#completion-n", "2")
    assert visitor.complete("告诉我中国的首都在哪里") == "中国的首都是北京。"
    titles = page.locator("#completion-answer h3").all_inner_texts()
    assert titles == [visitor.words("answer_number", number=n) for n in ("1", "2")]
    said = page.locator("#completion-answer .content").all_inner_texts()
    assert len(said) == 2 and said[0] != said[1]
    assert page.locator(".token").count() == 0
    [sent] = visitor.bodies(ROUTE)
    assert (sent["num_beams"], sent["n"]) == (3, 2) and "logprobs" not in sent


def test_tokens_of_one_character_are_joined(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    assert visitor.complete("say 你好🙂!") == "你好🙂!"
    assert visitor.page.locator(".token").all_inner_texts() == ["你", "好", "🙂", "!"]


LINES = """tokens => tokens.map((token) => {
    const [first] = [...token.getClientRects()].filter(({ width }) => width > 2);
    return [token.textContent, Math.round(first.top)];
})"""


def test_line_breaks_stay(visit: Visits, scripted: Server) -> None:
    """A line break token is marked and announced, and the text stays unchanged."""
    visitor = visit(scripted, "/#completion")
    text = "ab\n\nc\nd"
    assert visitor.complete(f"say {text}") == text
    tokens = visitor.page.locator(".token")
    tops: dict[str, list[int]] = {}
    for shown, top in tokens.evaluate_all(LINES):
        tops.setdefault(shown, []).append(top)
    assert tops["a"] == tops["b"] and tops["a"] < tops["c"] < tops["d"]
    assert len(set(tops["\n"])) == 3, "each ends a line of its own"
    names = [each.get_attribute("aria-label") or "" for each in tokens.all()]
    spoken = visitor.words("newline")
    assert [name.startswith(f"{spoken} ") for name in names] == [each == "\n" for each in text]
    assert not [name for name in names if "\n" in name]


def test_presets_and_sliders(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    page = visitor.page
    page.click("[data-parameters=completion-parameters]")
    panel = page.locator("#completion-parameters")
    for name in ("balanced", "creative", "precise"):
        panel.get_by_role("button", name=visitor.label(f"preset_{name}")).click()
        expect(panel.locator(f"[data-preset={name}]")).to_have_attribute("aria-pressed", "true")
    assert page.input_value("#completion-temperature") == "0.2"
    panel.locator("[data-name=top_k] [type=range]").fill("7")
    assert page.input_value("#completion-top_k") == "7"
    assert panel.locator("[aria-pressed=true]").count() == 0
    page.fill("#completion-stop", "x\n\ny")
    page.fill("#completion-seed", "3")
    visitor.complete("one")
    sent = visitor.bodies(ROUTE)[0]
    assert sent["temperature"] == 0.2 and sent["top_k"] == 7
    assert sent["stop"] == ["x", "y"] and sent["seed"] == 3
    panel.locator("[data-preset=default]").click()
    page.select_option("#completion-do_sample", "false")
    assert "unused" in (panel.locator("[data-name=top_k]").get_attribute("class") or "")
    visitor.complete("two")
    sent = visitor.bodies(ROUTE)[1]
    assert sent["do_sample"] is False and "temperature" not in sent


def test_every_parameter_is_explained(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    visitor.page.click("[data-parameters=completion-parameters]")
    rows = visitor.page.locator("#completion-parameters [data-name]").all()
    assert len(rows) == 10
    for row in rows:
        name = row.get_attribute("data-name")
        told = visitor.label(f"{name}_hint").format(default=1024)
        assert row.locator(".hint").inner_text() == told
        field = row.locator("[name]").first
        described = field.get_attribute("aria-describedby") or ""
        assert described.split()[-1] == f"completion-{name}-hint"
