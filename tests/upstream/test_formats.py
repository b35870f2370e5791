"""What answers must match, over an upstream: checked here, and written as the upstream has it."""

from __future__ import annotations

from typing import Any

import pytest

from app.upstream.gbnf import choice_grammar, length_grammar
from tests.harness.client import CHAT, COMPLETIONS
from tests.harness.scripted_upstream import ScriptedUpstream
from tests.upstream.conftest import Front, Over
from tests.upstream.test_requests import QUESTION

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
BEGUN = [*QUESTION["messages"], {"role": "assistant", "content": '{"b"'}]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"structured_outputs": {"regex": "(a"}}, "structured_outputs.regex"),
    ({"guided_regex": r"[^\s\S]"}, "guided_regex"),
    ({"grammar": 'root ::= "a" b'}, "grammar"),
    ({"response_format": {"type": "json_object", "schema": {"$ref": "#/x"}}},
     "response_format.schema"),
    ({"messages": BEGUN, "continue_final_message": True,
      "response_format": {"type": "json_object", "schema": SCHEMA}}, "messages"),
]  # fmt: skip


@pytest.mark.parametrize("owner", ["vllm", "llamacpp"])
def test_what_nothing_matches_is_refused_here(
    upstream: ScriptedUpstream, over: Over, owner: str
) -> None:
    upstream.owned_by = owner
    front = over()
    for fields, param in IMPOSSIBLE:
        reply = front.http.post(CHAT, json={**QUESTION, **fields})
        assert reply.status_code == 400 and reply.json is not None
        assert reply.json["error"]["param"] == param
    assert not upstream.received


def test_a_begun_text_with_a_format_is_refused(front: Front, upstream: ScriptedUpstream) -> None:
    """An upstream's format begins with the answer, so the two together would not match."""
    begun = [*BEGUN[:-1], {"role": "assistant", "content": '{"a"'}]
    held = {"response_format": {"type": "json_object", "schema": SCHEMA}}
    body = {"messages": begun, "continue_final_message": True, **held}
    reply = front.http.post(CHAT, json=body)
    assert reply.status_code == 400 and reply.json is not None
    assert reply.json["error"]["param"] == "continue_final_message"
    assert not upstream.received


def test_a_regex_means_the_same_everywhere(front: Front, upstream: ScriptedUpstream) -> None:
    """In some languages \\d is only what ASCII has."""
    front.http.post(COMPLETIONS, json={"prompt": "a", "regex": r"\d{2}é[\w.]"})
    assert upstream.last.body["structured_outputs"] == {"regex": r"[0-9]{2}é[0-9A-Z_a-z\.]"}


def test_choices_are_a_grammar_of_llama_server(upstream: ScriptedUpstream, over: Over) -> None:
    upstream.owned_by = "llamacpp"
    over().http.post(COMPLETIONS, json={"prompt": "a", "guided_choice": ["杭州", 'a"']})
    assert upstream.last.body["grammar"] == choice_grammar('["杭州", "a\\""]')
    assert choice_grammar('["a\\"", "中"]') == r'root ::= "a\U00000022" | "\U00004E2D"'


def test_a_length_is_a_grammar_of_tokens() -> None:
    assert length_grammar(5, 2) == "root ::= any{5,}\nany ::= !<[2]>"
    assert length_grammar(2003, 2) == (
        "root ::= thousand{2} any{3,}\nany ::= !<[2]>\nthousand ::= any{1000}"
    )
