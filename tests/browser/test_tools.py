"""Tools on the page: offered in the editor, a call as a card, and its result sent back."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SAY
from tests.harness.server import Server

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "杭州 <b>"}}\n</tool_call>'


def test_a_call_is_a_card_and_its_result_is_sent_back(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    for name in ("weather", "calculator"):
        page.click(f"[data-tool-example={name}]")
    offered = json.loads(page.input_value("#chat-tools"))
    assert [each["function"]["name"] for each in offered] == ["get_weather", "calculate"]
    page.click("#chat-parameters [data-close]")
    with page.expect_request("**/v1/chat/completions") as asked:
        visitor.send(f"{SAY}Let me look. {CALL}")
    assert json.loads(asked.value.post_data or "")["tools"] == offered
    card = page.locator(".tool-call")
    expect(card.locator("figcaption")).to_have_text(visitor.words("tool_call", name="get_weather"))
    expect(card.locator("pre")).to_have_text('{\n  "city": "杭州 <b>"\n}')
    answer = page.locator(".turn.assistant").last
    expect(answer.locator(".content")).to_have_text("Let me look.")
    expect(answer).to_contain_text(visitor.words("finish_tool_calls"))

    box = visitor.words("result_of", name="get_weather")
    page.get_by_label(box).fill('{"celsius": 21}')
    with page.expect_request("**/v1/chat/completions") as asked:
        visitor.button(visitor.words("send_results")).click()
    question, call, result = json.loads(asked.value.post_data or "")["messages"]
    assert (question["role"], call["content"]) == ("user", "Let me look.")
    (called,) = call["tool_calls"]
    assert json.loads(called["function"]["arguments"]) == {"city": "杭州 <b>"}
    assert result == {
        "role": "tool",
        "tool_call_id": called["id"],
        "content": '{"celsius": 21}',
    }
    expect(page.locator(".turn")).to_have_count(4)
    visitor.answered()

    page.reload()
    page.wait_for_selector("html[data-started]")
    expect(page.locator(".turn.tool .content")).to_have_text('{"celsius": 21}')
    expect(page.locator(".tool-call").first.locator("pre")).to_contain_text("杭州")


def test_examples_replace_what_is_no_list(visit: Visits, scripted: Server) -> None:
    page = visit(scripted).page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-tools", '[{"type": "function"')
    expect(page.locator("#chat-tools-error")).not_to_have_text("")
    page.click("[data-tool-example=search]")
    assert len(json.loads(page.input_value("#chat-tools"))) == 1
    expect(page.locator("#chat-tools-error")).to_have_text("")
