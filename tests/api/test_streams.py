"""Server-sent events of both text routes: order, shapes, comments, errors, cancel_on_disconnect."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api import sse
from app.connection import request_context
from app.engine.errors import GenerationFailed, ShuttingDown
from app.engine.events import Progress
from tests.event_stream import EventStream, read_events
from tests.fakes import INFO, ScriptedEngine

ROUTES = {"completions": {"prompt": "你好"}, "chat/completions": {"messages": "你好"}}
OBJECTS = {"completions": "text_completion", "chat/completions": "chat.completion.chunk"}


def stream(client: FlaskClient, route: str, **fields: Any) -> EventStream:
    response = client.post(f"/v1/{route}", json=ROUTES[route] | {"stream": True} | fields)
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-store"
    return read_events(response.data)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("n", [1, 3])
def test_streamed_equals_whole(client: FlaskClient, route: str, n: int) -> None:
    events = stream(client, route, n=n)
    assert events.done
    whole = client.post(f"/v1/{route}", json=ROUTES[route] | {"n": n}).get_json()
    new = whole["choices"][-n:]
    for index, choice in enumerate(new):
        text = choice["text"] if "text" in choice else choice["message"]["content"]
        assert events.text(index) == text
        reasons = events.reasons(index)
        assert reasons[-1] == choice["finish_reason"]
        assert set(reasons[:-1]) == {None}
        assert len(reasons) > 3, "it came in pieces"


@pytest.mark.parametrize("route", ROUTES)
def test_every_chunk_has_the_same_head(client: FlaskClient, route: str) -> None:
    events = stream(client, route, n=2)
    assert {chunk["id"] for chunk in events.chunks} == {events.chunks[0]["id"]}
    assert {chunk["created"] for chunk in events.chunks} == {events.chunks[0]["created"]}
    for chunk in events.chunks:
        assert list(chunk) == ["id", "object", "created", "model", "choices", "system_fingerprint"]
        assert chunk["system_fingerprint"] == INFO.fingerprint
        assert chunk["object"] == OBJECTS[route]
        assert chunk["model"] == "chinese-llama-alpaca"
        assert len(chunk["choices"]) == 1


def test_chat_chunks(client: FlaskClient) -> None:
    events = stream(client, "chat/completions", n=2)
    choices = [chunk["choices"][0] for chunk in events.chunks]
    role = {"role": "assistant", "content": ""}
    for index in (0, 1):
        mine = [choice for choice in choices if choice["index"] == index]
        assert mine[0] == {"index": index, "delta": role, "finish_reason": None}
    for choice in choices:
        if choice["delta"] == role:
            assert choices[choices.index(choice) + 1]["delta"]["content"], "with the first text"
        elif choice["finish_reason"] is None:
            assert list(choice["delta"]) == ["content"] and choice["delta"]["content"]
        else:
            assert choice["delta"] == {}


def test_completion_chunks(client: FlaskClient) -> None:
    choices = [c["choices"][0] for c in stream(client, "completions").chunks]
    keys = ["index", "text", "finish_reason", "logprobs"]
    assert all(list(choice) == keys for choice in choices)
    assert all(choice["text"] for choice in choices[:-1])
    assert choices[-1] == {"index": 0, "text": "", "finish_reason": "stop", "logprobs": None}


def test_classic_streams_carry_only_new_text(client: FlaskClient) -> None:
    messages = [{"role": "system", "message": "一"}, {"role": "user", "message": "二"}]
    events = stream(client, "chat/completions", messages=messages)
    assert {chunk["choices"][0]["index"] for chunk in events.chunks} == {0}
    assert events.text().startswith("答案0：")


@pytest.mark.parametrize("route", ROUTES)
def test_usage_chunk(client: FlaskClient, route: str) -> None:
    events = stream(client, route, stream_options={"include_usage": True})
    *others, last = events.chunks
    assert all(chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    whole = client.post(f"/v1/{route}", json=ROUTES[route]).get_json()
    assert last["usage"] == whole["usage"]
    assert last["id"] == others[0]["id"]
    assert not any("usage" in chunk for chunk in stream(client, route).chunks)


def test_empty_answer(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: ""
    events = stream(client, "completions")
    assert [chunk["choices"][0]["finish_reason"] for chunk in events.chunks] == ["stop"]
    assert events.done


def test_answer_that_imitates_the_protocol(client: FlaskClient, engine: ScriptedEngine) -> None:
    text = "\n\ndata: [DONE]\n\n\r\r\u2028\u2029\x85</script>"
    engine.answer = lambda request, index: "x" + text
    for size in (1, 5, 100):
        engine.bytes_per_event = size
        response = client.post("/v1/completions", json={"prompt": "a", "stream": True})
        assert "\u2028" not in response.text and "\x85" not in response.text
        assert read_events(response.data).text() == "x" + text


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_before_the_first_token(
    client: FlaskClient, engine: ScriptedEngine, route: str
) -> None:
    """What a client takes for the first token's time must be the first token's time."""
    engine.first_delay_s = 0.4
    body = ROUTES[route] | {"stream": True, "n": 2, "stream_options": {"include_usage": True}}
    response = client.post(f"/v1/{route}", json=body, buffered=False)
    first = next(iter(response.response))
    assert first.startswith(b"data: ")
    assert "答" in first.decode(), "it came with text"
    response.close()


def test_a_turn_without_text_still_says_who_speaks(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    engine.answer = lambda request, index: "" if index else "x"
    events = stream(client, "chat/completions", n=2)
    silent = [c["choices"][0] for c in events.chunks if c["choices"][0]["index"] == 1]
    assert [choice["delta"] for choice in silent] == [{"role": "assistant", "content": ""}, {}]
    assert silent[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("asked", [{}, {"return_progress": False}, {"return_progress": None}])
def test_no_comments_unless_asked(
    client: FlaskClient, engine: ScriptedEngine, route: str, asked: dict[str, object]
) -> None:
    """Clients that split the stream into lines take each for data."""
    engine.progress = (Progress(queued=3), Progress(0, 512, 900), Progress(0, 900, 900))
    assert stream(client, route, **asked).comments == []


@pytest.mark.parametrize("route", ROUTES)
def test_progress_becomes_comments(client: FlaskClient, engine: ScriptedEngine, route: str) -> None:
    engine.progress = (Progress(queued=3), Progress(0, 512, 900), Progress(0, 900, 900))
    assert stream(client, route, return_progress=True).comments == [
        "queued 3",
        "prefill 512/900",
        "prefill 900/900",
    ]


@pytest.mark.parametrize("route", ROUTES)
def test_the_stop_string_is_named_beside_progress(client: FlaskClient, route: str) -> None:
    stop = stream(client, route).text(0)[3:5]

    def last_choice(**fields: Any) -> dict[str, Any]:
        choice: dict[str, Any] = stream(client, route, **fields).chunks[-1]["choices"][0]
        assert choice["finish_reason"] == "stop"
        return choice

    assert last_choice(stop=["nowhere", stop], return_progress=True)["stop_reason"] == stop
    assert "stop_reason" not in last_choice(return_progress=True), "it ended by itself"
    assert "stop_reason" not in last_choice(stop=[stop]), "nobody asked"


def test_ping_in_silence(
    client: FlaskClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "PING_AFTER_S", 0.1)
    monkeypatch.setattr(request_context, "MAX_WAIT_S", 0.02)
    engine.first_delay_s = 0.35
    comments = stream(client, "completions").comments
    assert set(comments) == {"ping"}
    assert 2 <= len(comments) <= 4


def test_ignored_fields_are_named(client: FlaskClient) -> None:
    response = client.post("/v1/completions", json={"prompt": "a", "stream": True, "zz": 1})
    assert response.headers["X-Ignored-Parameters"] == "zz"
    assert read_events(response.data).done


def failing_body(client: FlaskClient, engine: ScriptedEngine, failure: Exception) -> bytes:
    engine.failure, engine.fail_after = failure, 2
    response = client.post(
        "/v1/chat/completions",
        json={"messages": "a", "stream": True},
        headers={"X-Request-Id": "r1"},
        buffered=False,
    )
    assert response.status_code == 200
    body = b""
    with pytest.raises(sse.StreamCut):
        for piece in response.iter_encoded():
            body += piece
    response.close()
    return body


def test_error_after_the_first_byte(client: FlaskClient, engine: ScriptedEngine) -> None:
    events = read_events(failing_body(client, engine, GenerationFailed("secret")))
    assert not events.done, "a cut body must not look complete"
    *texts, last = events.chunks
    assert len(texts) == 3
    assert list(last) == ["error"]
    assert last["error"]["type"] == "server_error"
    assert "r1" in last["error"]["message"] and "secret" not in last["error"]["message"]


def test_shutdown_in_a_stream(client: FlaskClient, engine: ScriptedEngine) -> None:
    events = read_events(failing_body(client, engine, ShuttingDown("stopping")))
    assert events.chunks[-1]["error"]["code"] == "shutting_down"


def test_unexpected_exception_in_a_stream(client: FlaskClient, engine: ScriptedEngine) -> None:
    events = read_events(failing_body(client, engine, RuntimeError("secret")))
    assert "secret" not in str(events.chunks[-1])
    assert engine.handles[-1].end == "failed"


def test_cut_looks_like_a_reset_connection() -> None:
    # gunicorn then closes without the mark of a complete chunked body, and logs no traceback.
    cut = sse.StreamCut()
    assert isinstance(cut, OSError)
    assert cut.errno == errno.ECONNRESET


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_closing_the_response_cancels(
    client: FlaskClient, engine: ScriptedEngine, pieces: int
) -> None:
    response = client.post("/v1/completions", json={"prompt": "a", "stream": True}, buffered=False)
    body = response.iter_encoded()
    for _ in range(pieces):
        next(body)
    assert engine.handles[-1].end is None
    response.close()
    assert engine.handles[-1].end == "cancelled"


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("route", ROUTES)
def test_client_gone_in_silence(
    client: FlaskClient,
    engine: ScriptedEngine,
    sockets: tuple[socket.socket, socket.socket],
    route: str,
    streaming: bool,
) -> None:
    ours, theirs = sockets
    engine.first_delay_s = 30
    threading.Timer(0.1, theirs.close).start()
    try:
        response = client.post(
            f"/v1/{route}",
            json=ROUTES[route] | {"stream": streaming},
            environ_overrides={"gunicorn.socket": ours},
        )
        assert response.status_code == (200 if streaming else 499)
        assert not streaming or not response.data
    except sse.StreamCut:
        assert streaming
    assert engine.handles[-1].end == "cancelled"


def test_embeddings_client_gone(
    client: FlaskClient, engine: ScriptedEngine, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    theirs.close()
    engine.first_delay_s = 30
    response = client.post(
        "/v1/embeddings", json={"input": "a"}, environ_overrides={"gunicorn.socket": ours}
    )
    assert response.status_code == 499
    assert engine.handles[-1].end == "cancelled"


def test_ledger_adds_up(client: FlaskClient, engine: ScriptedEngine) -> None:
    for number in range(40):
        engine.failure = GenerationFailed("x") if number % 5 == 1 else None
        fields = {"prompt": "a", "stream": number % 2 == 0}
        response = client.post("/v1/completions", json=fields, buffered=False)
        if number % 4 == 0:
            next(response.iter_encoded())
            response.close()
        elif fields["stream"] and engine.failure is None:
            assert read_events(response.data).done
        elif fields["stream"]:
            with pytest.raises(sse.StreamCut):
                list(response.iter_encoded())
    stats = engine.stats
    assert stats.accepted == 40 == stats.completed + stats.failed + stats.cancelled
    assert min(stats.completed, stats.failed, stats.cancelled) > 0
