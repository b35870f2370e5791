"""The editor of a JSON schema: errors at their line, from the page and from the server."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.harness.server import Server

SCHEMA = """{
  "type": "object",
  "properties": {
    "city": {"type": "string"},
    "people": {
      "type": "integer"
    }
  }
}"""
EDITOR, ERROR = "#chat-response_format", "#chat-response_format-error"


def test_syntax_errors_are_told_at_their_line(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    editor, error = page.locator(EDITOR), page.locator(ERROR)
    for text, line in (
        ('{"a": [1, 2}', 1),
        ('{\n  "a": 1\n  "b": 2\n}', 3),
        ('{\n  "a": 1,\n}', 3),
        ('\n\n{"a": "x\ny"}', 3),
        ('{"a":\n\n\n tru}', 4),
        ("{}\n{}", 2),
        ('{"a": 1', 1),
    ):
        editor.fill(text)
        expect(error).to_have_text(visitor.words("json_line", line=str(line)))
        expect(editor).to_have_attribute("aria-invalid", "true")
    for text in (SCHEMA, "{}", "", '[{"a\\u00e9": -1.5e3}, [], null, "\\""]'):
        editor.fill(text)
        expect(error).to_have_text("")
        assert editor.get_attribute("aria-invalid") is None


def test_the_schema_is_sent_and_the_servers_error_is_told_at_its_line(
    visit: Visits, real: Server
) -> None:
    visitor = visit(real, expect=("400",))
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill(EDITOR, SCHEMA.replace('"integer"', '"whole"'))
    page.click("#chat-parameters [data-close]")
    with page.expect_request("**/v1/chat/completions") as asked:
        visitor.send("Where?")
    sent = json.loads(asked.value.post_data or "")["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"]["properties"]["people"] == {"type": "whole"}
    expect(page.locator("#chat-failure")).to_contain_text(visitor.label("response_format"))
    expect(page.locator(ERROR)).to_contain_text("6")
    page.click("[data-parameters=chat-parameters]")
    page.fill(EDITOR, SCHEMA)
    expect(page.locator(ERROR)).to_have_text("")


def test_the_schema_is_kept_with_the_conversation(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    long = json.dumps({"type": "object", "description": "x" * 5000})
    page.fill(EDITOR, long)
    page.reload()
    page.wait_for_selector("html[data-started]")
    assert page.input_value(EDITOR) == long
