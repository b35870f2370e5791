"""Sessions of coding agents: every turn is answered, and begins with all tokens of the one before,
so that the prefix cache has them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.clients.agent_sessions import (
    ASKED,
    COMMAND,
    GREETING,
    OUTPUT,
    SESSIONS,
    THANKS,
    ClaudeCodeSession,
    CodexSession,
    Session,
)
from tests.fakes import INFO, ScriptedEngine
from tests.message_events import added_up
from tests.named_events import read_named_events

ANSWER = "All is well."
CALLS = {"Bash": {"command": COMMAND}, "exec_command": {"cmd": COMMAND}}


@pytest.fixture
def engine() -> ScriptedEngine:
    """With room for tools: a byte is a token."""
    return ScriptedEngine(info_=replace(INFO, max_model_len=16_384))


def answered(client: FlaskClient, session: Session) -> list[Any]:
    """The answer's items or blocks, as the agent puts them together of a stream."""
    answer = client.post(session.path, json=session.body())
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("X-Ignored-Parameters") == session.ignored
    events = read_named_events(answer.data)
    if session.path == "/v1/messages":
        return list(added_up(events)["content"])
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    response = events[-1]["response"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert response["status"] == "completed" and response["output"] == done
    return done


def run(client: FlaskClient, engine: ScriptedEngine, session: Session) -> list[str]:
    """The prompts of a session's four requests, each with its answer."""
    call = session.call()
    written = json.dumps({"name": call["name"], "arguments": CALLS[call["name"]]})
    prompts = []

    def turn(text: str) -> list[Any]:
        engine.answer = lambda request, index: text
        answer = answered(client, session)
        prompts.append(engine.encoded[-1][0] + text)
        session.take(answer)
        return answer

    session.say(GREETING)
    turn(ANSWER)
    session.say(ASKED)
    (called,) = turn(f"<tool_call>\n{written}\n</tool_call>")
    assert {key for key in called if "id" not in key} == {key for key in call if "id" not in key}
    session.take_output(called)
    turn(ANSWER)
    session.say(THANKS)
    turn(ANSWER)
    return prompts


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_turn_begins_with_the_one_before(
    client: FlaskClient, engine: ScriptedEngine, kind: type[Session]
) -> None:
    prompts = run(client, engine, kind())
    for before, after in itertools.pairwise(prompts):
        assert after.startswith(before)
    for said in (GREETING, ASKED, COMMAND, OUTPUT, THANKS):
        assert prompts[-1].count(said) == 1


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_second_session_has_the_same_prompts(
    client: FlaskClient, engine: ScriptedEngine, kind: type[Session]
) -> None:
    assert run(client, engine, kind()) == run(client, engine, kind())


def test_codex_sees_the_functions_alone(client: FlaskClient, engine: ScriptedEngine) -> None:
    (first, *_) = run(client, engine, CodexSession())
    assert "exec_command" in first
    assert "ask_helper" not in first and "web_search" not in first


def test_the_billing_line_changes_no_prompt(client: FlaskClient, engine: ScriptedEngine) -> None:
    session = ClaudeCodeSession()
    other = ClaudeCodeSession(billing=session.billing.replace("0a1b2", "c3d4e"))
    prompts = run(client, engine, session)
    assert prompts == run(client, engine, other)
    assert "billing" not in prompts[-1]
