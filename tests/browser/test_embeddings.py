"""The embeddings room with the embedded model: five views and two files."""

from __future__ import annotations

import csv
import io
import json

import pytest
from playwright.sync_api import Page, expect

from app.playground.examples import EXAMPLES
from app.playground.texts import SCRIPT_TEXTS, TEXTS
from tests.browser.conftest import Visits
from tests.e2e.server import Server


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_views(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, "/#embeddings", locale=lang)
    page = visitor.page
    page.get_by_role("button", name=TEXTS[lang]["example_paraphrases"]).click()
    texts = EXAMPLES[lang].embeddings["paraphrases"]
    expect(page.locator(".ranking li")).to_have_count(len(texts) - 1)
    assert page.locator(".ranking .ranked").first.inner_text() == texts[1]
    numbers = [float(text) for text in page.locator(".ranking .number").all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True)
    page.select_option("#ranked-by", "2")
    assert page.locator(".ranking .ranked").first.inner_text() == texts[3]

    rows = page.locator(".heat-map tbody tr")
    assert rows.count() == len(texts)
    assert rows.first.locator("td").all_inner_texts()[0] == "1.00"
    likest = float(rows.nth(2).locator("td").nth(3).inner_text())
    assert likest == pytest.approx(max(numbers_of(page)), abs=0.0051)
    coloured = rows.first.locator("td").nth(1).get_attribute("class")
    page.uncheck("#heat-scale")
    assert page.locator(".heat-map td").nth(1).get_attribute("class") != coloured

    assert page.locator(".point").count() == len(texts)
    assert page.locator(".bars .bar-chart").count() == len(texts)
    [asked] = visitor.bodies("/v1/embeddings")
    assert asked["input"] == list(texts), "one request for all"
    facts = SCRIPT_TEXTS[lang]["vectors_facts"].split("{")[0]
    assert page.inner_text(".facts .speed").startswith(facts or "6 ")

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


def numbers_of(page: Page) -> list[float]:
    """The ranking's numbers."""
    texts = page.locator(".ranking .number").all_inner_texts()
    return [float(text) for text in texts]


@pytest.mark.parametrize(
    ("pasted", "texts"),
    [
        ('id,text\n1,"a, b"\n2,c', ["a, b", "c"]),
        ("id\ttext\n1\tone\n2\ttwo words", ["one", "two words"]),
        ("One, two.\nThree, four.", ["One, two.", "Three, four."]),
        ('n,t\n1,"say ""x"""\n2,"two\nlines"', ['say "x"', "two\nlines"]),
    ],
)
def test_pasted_tables(visit: Visits, scripted: Server, pasted: str, texts: list[str]) -> None:
    visitor = visit(scripted, "/#embeddings")
    visitor.page.fill("#embeddings-input", pasted)
    visitor.page.click("#embeddings-send")
    expect(visitor.page.locator(".bars > li")).to_have_count(len(texts))
    assert visitor.bodies("/v1/embeddings")[0]["input"] == texts


def test_too_many(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#embeddings")
    visitor.page.fill("#embeddings-input", "\n".join(map(str, range(65))))
    visitor.page.click("#embeddings-send")
    expect(visitor.page.locator("#embeddings-failure")).to_contain_text("65")
    assert visitor.posted("/v1/embeddings") == []
