"""Raw text is continued in place, its end is shown, and it survives a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.harness.server import Server

ENDED = "#completion-answer .footer:not([hidden])"
TEXT = "say abcd"


def test_a_text_is_written_on_and_kept(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    page = visitor.page
    visitor.complete(TEXT)
    assert page.locator("#completion-continue").count() == 0, "an instruction has its answer"
    page.check("#completion [value=none]")
    assert visitor.complete(TEXT) == "abcd"
    end = page.locator(".end-token")
    assert end.get_attribute("aria-label") == visitor.words("end_token")
    legend = page.get_by_role("list", name=visitor.words("legend")).locator("li")
    assert legend.all_inner_texts() == ["≥ 90%", "60–90%", "30–60%", "10–30%", "< 10%"]
    assert len({each.get_attribute("class") for each in legend.locator("span").all()}) == 5

    page.focus("#completion-continue")
    page.keyboard.press("Enter")
    expect(page.locator("#completion-prompt")).to_have_value(f"{TEXT}abcd")
    page.wait_for_selector(ENDED)
    expect(page.locator("#completion-send")).to_be_focused()
    assert visitor.bodies("/v1/completions")[-1]["prompt"] == f"{TEXT}abcd"

    page.click("[data-parameters=completion-parameters]")
    page.fill("#completion-seed", "7")
    stood = page.inner_text("#completion-answer")
    page.reload()
    page.wait_for_selector(ENDED)
    assert page.inner_text("#completion-answer") == stood
    assert page.input_value("#completion-prompt") == f"{TEXT}abcd"
    assert page.input_value("#completion-seed") == "7"
    assert page.is_checked("#completion [value=none]")
    page.locator(".token").first.click()
    expect(page.locator(".alternatives tr")).to_have_count(5)


def test_what_was_broken_off_is_kept(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    visitor.page.fill("#completion-prompt", "slow")
    visitor.page.click("#completion-send")
    visitor.page.wait_for_selector(".token")
    visitor.page.reload()
    visitor.page.wait_for_selector(ENDED)
    assert visitor.page.locator(".token").count() >= 1
    expect(visitor.page.locator("#completion-answer .stats")).to_contain_text("~")
