"""The embeddings tab with the embedded model: five views and two files."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re

import pytest
from playwright.sync_api import Page, expect

from app.translations import TRANSLATIONS
from tests.browser.conftest import Visits
from tests.harness.server import Server


def test_views(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#embeddings")
    page = visitor.page
    visitor.button(visitor.label("example_paraphrases")).click()
    texts = TRANSLATIONS[lang].examples["embeddings"]["paraphrases"]
    expect(page.locator(".ranking li")).to_have_count(len(texts) - 1)
    assert page.locator(".ranking .ranked").first.inner_text() == texts[1]
    numbers = numbers_of(page)
    assert numbers == sorted(numbers, reverse=True)
    page.select_option("#ranked-by", "2")
    assert page.locator(".ranking .ranked").first.inner_text() == texts[3]

    rows = page.locator(".heat-map tbody tr")
    assert rows.count() == len(texts)
    assert rows.first.locator("td").all_inner_texts()[0] == "1.00"
    likest = float(rows.nth(2).locator("td").nth(3).inner_text())
    assert likest == pytest.approx(max(numbers_of(page)), abs=0.0051)
    cells, colours = page.locator(".heat-map td"), "(all) => all.map((cell) => cell.className)"
    spread = cells.evaluate_all(colours)
    assert {"heat h0", "heat h10"} <= set(spread), "from the palest to the darkest"
    page.uncheck("#heat-scale")
    assert cells.evaluate_all(colours) != spread

    points = page.locator(".point circle")
    assert points.count() == len(texts)
    middle = "(all) => all.map(({ cx, cy }) => [cx.baseVal.value, cy.baseVal.value])"
    places = points.evaluate_all(middle)
    pairs = [math.dist(a, b) for a, b in itertools.combinations(places, 2)]
    assert 20 < min(pairs) < max(pairs) < 640, "each number can be read"
    nearest = [math.dist(places[i], places[i + 1]) for i in (2, 4)]
    assert max(nearest) < sum(pairs) / len(pairs), "paraphrases lie near each other"
    assert page.locator(".bars .bar-chart").count() == len(texts)
    [asked] = visitor.bodies("/v1/embeddings")
    assert asked["input"] == list(texts), "one request for all"
    facts = visitor.words("vectors_facts", count="6", size="192", tokens="N", milliseconds="N")
    facts = re.escape(facts).replace("N", r"\d+")
    assert re.fullmatch(facts, page.inner_text(".summary-line .stats"))
    titles = [visitor.words(key) for key in ("ranking", "heat_map", "map", "bars")]
    assert page.locator("#embeddings-answer h2").all_inner_texts() == titles

    with page.expect_download() as told:
        page.get_by_role("button", name="JSON").click()
    data = json.loads(told.value.path().read_text(encoding="utf-8"))["data"]
    assert [item["text"] for item in data] == list(texts)
    assert len(data[0]["embedding"]) == 192
    with page.expect_download() as told:
        page.get_by_role("button", name="CSV").click()
    table = list(csv.reader(io.StringIO(told.value.path().read_text(encoding="utf-8-sig"))))
    assert [row[0] for row in table] == ["text", *texts]
    assert [float(cell) for cell in table[1][1:]] == data[0]["embedding"]


def test_other_examples(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#embeddings")
    for name in ("translations", "topics"):
        texts = TRANSLATIONS[lang].examples["embeddings"][name]
        visitor.button(visitor.label(f"example_{name}")).click()
        heads = visitor.page.locator(".heat-map tbody th")
        expect(heads).to_have_text([f"{n} {text}" for n, text in enumerate(texts, 1)])
        assert visitor.page.input_value("#embeddings-input") == "\n".join(texts)


def numbers_of(page: Page) -> list[float]:
    """The ranking's numbers; the page uses the minus sign U+2212."""
    texts = page.locator(".ranking .numeric").all_inner_texts()
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


PASTED = {
    'id,text\n1,"a, b"\n2,c': ["a, b", "c"],
    "id\ttext\n1\tone\n2\ttwo words": ["one", "two words"],
    "One, two.\nThree, four.": ["One, two.", "Three, four."],
    'n,t\n1,"say ""x"""\n2,"two\nlines"': ['say "x"', "two\nlines"],
}


def test_pasted_tables(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#embeddings")
    page = visitor.page
    for pasted, texts in PASTED.items():
        page.fill("#embeddings-input", pasted)
        with page.expect_response("**/v1/embeddings"):
            page.click("#embeddings-send")
        expect(page.locator(".bars > li")).to_have_count(len(texts))
        assert visitor.bodies("/v1/embeddings")[-1]["input"] == texts
    page.fill("#embeddings-input", "id,text\n1,one\n2,two")
    page.select_option("#column", label="id")
    with page.expect_response("**/v1/embeddings"):
        page.click("#embeddings-send")
    assert visitor.bodies("/v1/embeddings")[-1]["input"] == ["1", "2"]
    assert visitor.label("column") in page.inner_text("#column-choice")


def test_too_many(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#embeddings")
    visitor.page.fill("#embeddings-input", "\n".join(map(str, range(65))))
    visitor.page.click("#embeddings-send")
    told = visitor.words("too_many_texts", count="65", max="64")
    expect(visitor.page.locator("#embeddings-failure")).to_contain_text(told)
    assert visitor.posted("/v1/embeddings") == []
