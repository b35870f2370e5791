"""--request_timeout: a request that takes too long ends with an error and frees its slot."""

from __future__ import annotations

import time

import pytest

from app import create_app
from app.api.sse import StreamCut
from config import Config
from tests.event_stream import read_events
from tests.fakes import ScriptedEngine

BODIES = {
    "/v1/completions": {"prompt": "a"},
    "/v1/chat/completions": {"messages": "a"},
    "/v1/embeddings": {"input": "a"},
}


@pytest.mark.parametrize("path", BODIES)
def test_a_slow_answer_ends_with_504(engine: ScriptedEngine, path: str) -> None:
    engine.first_delay_s = 60.0
    client = create_app(Config(REQUEST_TIMEOUT=0.3), engine).test_client()
    answer = client.post(path, json=BODIES[path])
    assert answer.status_code == 504
    error = answer.get_json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "request_timeout")
    assert answer.headers["X-Should-Retry"] == "false"
    assert engine.stats.cancelled == 1 and engine.stats.running == 0


def test_a_slow_stream_ends_with_an_error_event(engine: ScriptedEngine) -> None:
    engine.delay_s = 0.2
    client = create_app(Config(REQUEST_TIMEOUT=0.5), engine).test_client()
    answer = client.post("/v1/completions", json={"prompt": "a", "stream": True}, buffered=False)
    body = b""
    with pytest.raises(StreamCut):  # it must be incomplete
        for piece in answer.iter_encoded():
            body += piece
    events = read_events(body)
    assert not events.done and len(events.chunks) > 2
    assert events.chunks[-1]["error"]["code"] == "request_timeout"
    answer.close()
    assert engine.stats.cancelled == 1 and engine.stats.running == 0


def test_requests_in_time_are_not_affected(engine: ScriptedEngine) -> None:
    client = create_app(Config(REQUEST_TIMEOUT=30.0), engine).test_client()
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200
    engine.first_delay_s = 0.5
    client = create_app(Config(), engine).test_client()
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200


def test_the_wall_clock_moves_no_deadline(
    engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.first_delay_s = 0.3
    client = create_app(Config(REQUEST_TIMEOUT=20.0), engine).test_client()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200
