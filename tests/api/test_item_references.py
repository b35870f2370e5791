"""/v1/responses with items of earlier answers by their ids alone, as some clients send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.api.responses import item_references
from app.engine.errors import GenerationFailed
from config import Config
from tests.api.test_responses import CALL, THOUGHT, WEATHER, answered, post, prompt, streamed
from tests.api.test_responses import thinking as thinking
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, BOB, KEYS, bearer

USER = {"role": "user", "content": "天气？"}
RESULT = {"type": "function_call_output", "output": "晴"}


def reference(item: Any) -> dict[str, Any]:
    return {"type": "item_reference", "id": item["id"]}


def ask(client: FlaskClient, engine: ScriptedEngine, text: str, whole: bool, **fields: Any) -> Any:
    """The output of an answer."""
    if whole:
        return answered(client, engine, text, **fields)["output"]
    return streamed(client, engine, text, **fields)[-1]["response"]["output"]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("summary", [None, "auto"])
def test_a_loop_by_references(
    thinking: FlaskClient, engine: ScriptedEngine, whole: bool, summary: str | None
) -> None:
    """Thinking, text and calls over three turns: the model reads what it would of the items."""
    fields = {"tools": [WEATHER], "reasoning": {"summary": summary}}
    by_items: list[Any] = [USER]
    by_id: list[Any] = [USER]
    for text in (f"{THOUGHT}查。\n{CALL}", f"{THOUGHT}{CALL}", "晴天。"):
        output = ask(thinking, engine, text, whole, input=by_id, **fields)
        read = prompt(engine)
        answered(thinking, engine, text, input=by_items, **fields)
        assert prompt(engine) == read
        results = [RESULT | {"call_id": item["call_id"]} for item in output if "call_id" in item]
        by_items += output + results
        by_id += [*map(reference, output), *results]
    assert len(by_id) == len(by_items) == 9
    counts = [
        post(thinking, "/v1/responses/input_tokens", input=items, **fields).get_json()
        for items in (by_id, by_items)
    ]
    assert counts[0] == counts[1] and counts[0]["input_tokens"] > len(read)


def test_a_reference_needs_no_type(client: FlaskClient, engine: ScriptedEngine) -> None:
    (item,) = answered(client, engine, "晴。")["output"]
    again = post(client, input=[USER, {"id": item["id"]}, USER])
    assert again.status_code == 200 and "晴。" in prompt(engine)


def test_an_answer_that_was_cut_can_be_referred_to(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    (item,) = answered(client, engine, "abcdef", max_output_tokens=3)["output"]
    answered(client, engine, "好", input=[USER, reference(item), USER])
    assert "abc" in prompt(engine)


def test_logprobs_are_not_kept(client: FlaskClient, engine: ScriptedEngine) -> None:
    fields = {"include": ["message.output_text.logprobs"], "top_logprobs": 20}
    (item,) = answered(client, engine, "abc", **fields)["output"]
    store = client.application.extensions["item_store"]
    (owned,) = store._by_owner.values()
    assert b"abc" in owned.items[item["id"]].json and owned.size < 300


def refused(client: FlaskClient, *items: Any, **headers: str) -> str:
    """The message of the refusal, which names the last item's id."""
    response = client.post("/v1/responses", json={"input": list(items)}, headers=headers)
    assert response.status_code == 400, response.text
    error = response.get_json()["error"]
    assert error["param"] == f"input.{len(items) - 1}.id"
    return str(error["message"])


def test_an_unknown_item_is_refused_with_what_to_do(client: FlaskClient) -> None:
    message = refused(client, USER, {"type": "item_reference", "id": "msg_1"})
    assert "store: false" in message and "Send the items themselves" in message
    for item in ({"type": "item_reference"}, {"type": "item_reference", "id": 5}):
        assert "must be the id of an item" in refused(client, item)
    count = post(client, "/v1/responses/input_tokens", input=[{"id": "msg_1"}])
    assert count.get_json()["error"]["param"] == "input.0.id"


def test_store_false_keeps_nothing(client: FlaskClient, engine: ScriptedEngine) -> None:
    output = answered(client, engine, "晴。", store=False)["output"]
    refused(client, reference(output[0]))
    assert post(client, store="no").get_json()["error"]["param"] == "store"


def test_another_key_reads_nothing(engine: ScriptedEngine, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(KEYS)
    client = create_app(Config(API_KEYS_FILE=str(path)), engine).test_client()
    answer = client.post("/v1/responses", json={"input": "a"}, headers=bearer(ALICE)).get_json()
    found = reference(answer["output"][0])
    message = refused(client, found, **bearer(BOB))
    assert message == refused(client, {**found, "id": "msg_1"}, **bearer(BOB))
    mine = client.post("/v1/responses", json={"input": [found, USER]}, headers=bearer(ALICE))
    assert mine.status_code == 200


def test_a_stream_that_fails_keeps_what_was_finished(
    thinking: FlaskClient, engine: ScriptedEngine
) -> None:
    engine.failure, engine.bytes_per_event = GenerationFailed("secret"), 1
    engine.fail_after = len(f"{THOUGHT}一二".encode())
    thought, text = streamed(thinking, engine, f"{THOUGHT}一二三四五六")[-1]["response"]["output"]
    engine.failure = None
    assert thought["status"] == "completed" and text["status"] == "incomplete"
    refused(thinking, USER, reference(thought), reference(text))
    answered(thinking, engine, "好", input=[USER, reference(thought), RESULT | {"call_id": "c"}])
    assert "想一想" in prompt(engine)


def test_a_stream_that_is_left_keeps_nothing_unfinished(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    engine.delay_s = 0.05
    response = client.post("/v1/responses", json={"input": "a", "stream": True}, buffered=False)
    body = b""
    for piece in response.iter_encoded():
        body += piece
        if b"output_text.delta" in body:
            break
    response.close()
    assert engine.handles[-1].end == "cancelled"
    assert not client.application.extensions["item_store"]._by_owner


def test_other_keys_of_a_reference_are_named(client: FlaskClient, engine: ScriptedEngine) -> None:
    (item,) = answered(client, engine, "晴。")["output"]
    response = post(client, input=[{**reference(item), "x": 1}, USER])
    assert response.headers["X-Ignored-Parameters"] == "input.0.x"


def test_what_one_request_refers_to_is_limited(
    client: FlaskClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = answered(client, engine, "a" * 300)["output"]
    monkeypatch.setattr(item_references, "MAX_BYTES", 1000)
    assert post(client, input=[reference(item)] * 2).status_code == 200
    assert "more than" in refused(client, *[reference(item)] * 3)
