"""An upstream that refuses or fails: an explicit error each time, and a balanced ledger."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.stats import EngineState
from app.upstream import upstream_engine
from tests.event_stream import EventStream, read_events
from tests.harness.client import CHAT, EMBEDDINGS
from tests.harness.scripted_upstream import MODEL, ScriptedUpstream, Wire, scripted_upstream
from tests.harness.server import free_port
from tests.harness.waiting import wait_until
from tests.upstream.conftest import Front, Over
from tests.upstream.test_requests import QUESTION

Act = Callable[[Wire], None]


def failure(front: Front, **fields: object) -> tuple[int, dict[str, Any]]:
    """Status and error of a request."""
    reply = front.http.post(CHAT, json={**QUESTION, **fields})
    assert reply.json is not None, reply.text
    return reply.status_code, reply.json["error"]


def cut_stream(front: Front) -> EventStream:
    """The events of a stream that begins, and fails."""
    reply = front.http.post(CHAT, json={**QUESTION, "stream": True})
    assert reply.status_code == 200
    parts: list[bytes] = []
    with pytest.raises(ConnectionResetError):
        for part in reply.response:
            parts.append(part)
    events = read_events(b"".join(parts))
    assert not events.done
    return events


def refusing(status: int, body: object, **headers: str) -> Act:
    return lambda wire: wire.json(status, body, headers)


def begun(wire: Wire) -> None:
    """The head and one piece of text."""
    wire.head()
    wire.chunk(content="Hello")


def half_an_event(wire: Wire) -> None:
    begun(wire)
    wire.raw(b'data: {"choices": [{"index": 0, "delta": {"content": "lo')


def without_an_end(wire: Wire) -> None:
    begun(wire)
    wire.raw(b"data: [DONE]\n\n")


def killed(wire: Wire) -> None:
    begun(wire)
    wire.reset()


def garbage(wire: Wire) -> None:
    begun(wire)
    wire.raw(b"data: {nonsense}\n\n")


def no_utf8(wire: Wire) -> None:
    begun(wire)
    wire.raw(b'data: {"choices": "\xff\xfe"}\n\n')


def other_shape(wire: Wire) -> None:
    begun(wire)
    wire.event({"choices": [{"index": 0, "delta": {"content": {"no": "text"}}}]})


def no_number(wire: Wire) -> None:
    begun(wire)
    wire.raw(b'data: {"choices": [], "usage": {"prompt_tokens": NaN}}\n\n')


def endless_number(wire: Wire) -> None:
    begun(wire)
    wire.raw(b'data: {"choices": [], "usage": {"prompt_tokens": 1e999}}\n\n')


def unknown_choice(wire: Wire) -> None:
    begun(wire)
    wire.chunk(1, content="of another")


def deep(wire: Wire) -> None:
    begun(wire)
    wire.raw(b'data: {"choices": ' + b"[" * 100_000 + b"\n\n")


def error_event(wire: Wire) -> None:
    begun(wire)
    wire.event({"error": {"message": "the engine died", "code": 500}})


def aborted(wire: Wire) -> None:
    begun(wire)
    wire.chunk(reason="abort")


def mixed_calls(wire: Wire) -> None:
    begun(wire)
    wire.chunk(tool_calls=[{"index": 3, "function": {"arguments": "{"}}])


@pytest.mark.parametrize(
    "script, words",
    [
        (half_an_event, "ended in the middle"),
        (without_an_end, "ended in the middle"),
        (killed, "broke"),
        (garbage, "cannot be read"),
        (no_utf8, "cannot be read"),
        (other_shape, "cannot be read"),
        (no_number, "cannot be read"),
        (endless_number, "cannot be read"),
        (unknown_choice, "not asked for"),
        (deep, "cannot be read"),
        (error_event, "the engine died"),
        (aborted, "abort"),
        (mixed_calls, "out of order"),
    ],
)
def test_failures_in_the_middle(
    front: Front, upstream: ScriptedUpstream, script: Act, words: str
) -> None:
    upstream.script = script
    status, error = failure(front)
    assert status == 502 and error["type"] == "server_error"
    assert words in error["message"] or script is unknown_choice
    events = cut_stream(front)
    assert events.chunks[-1]["error"]["code"] == "upstream_error"
    assert front.settled() == (2, 0, 2, 0)


@pytest.mark.parametrize(
    "script, status, code, words",
    [
        (refusing(400, {"error": {"message": "no", "param": "top_k", "code": 400}}), 400, None,
         "no"),
        (refusing(400, {"object": "error", "message": "also no"}), 400, None, "also no"),
        (refusing(422, {"detail": "not this"}), 400, None, "not this"),
        (refusing(404, {"error": {"message": "no such model"}}), 404, None, "no such model"),
        (refusing(400, {"error": {"message": "This model's maximum context length is 8 tokens."}}),
         400, "context_length_exceeded", "(context_length_exceeded)"),
        (refusing(400, {"error": {"message": "too long", "type": "exceed_context_size_error",
                                  "n_ctx": 512}}),
         400, "context_length_exceeded", "maximum context length is 512 tokens"),
        (refusing(429, {"error": {"message": "slow down"}}, **{"Retry-After": "7"}), 429,
         "rate_limit_exceeded", "slow down"),
        (refusing(503, {"error": {"message": "busy"}}, **{"Retry-After": "9"}), 503, "overloaded",
         "busy"),
        (refusing(500, {"error": {"message": "boom"}}), 502, "upstream_error", "boom"),
        (refusing(401, {"error": {"message": "who?"}}), 502, "upstream_error", "key"),
        (refusing(302, {}, Location="http://127.0.0.1:1/"), 502, "upstream_error", "redirects"),
        (lambda wire: wire.head(200, "text/html"), 502, "upstream_error", "text/html"),
        (lambda wire: wire.json(200, ["a list"]), 502, "upstream_error", "cannot be read"),
        (lambda wire: wire.raw(b"nonsense\r\n\r\n"), 502, "upstream_error", "broke"),
        (lambda wire: wire.reset(), 502, "upstream_error", "broke"),
    ],
)  # fmt: skip
def test_refusals(
    front: Front,
    upstream: ScriptedUpstream,
    script: Act,
    status: int,
    code: str | None,
    words: str,
) -> None:
    upstream.script = script
    for stream in (False, True):
        reply = front.http.post(CHAT, json={**QUESTION, "stream": stream})
        assert reply.json is not None
        error = reply.json["error"]
        assert (reply.status_code, error["code"]) == (status, code), error
        assert words in error["message"]
        if status in (429, 503):
            assert reply.headers["Retry-After"] == ("7" if status == 429 else "9")
    refused = status < 500 and status != 429
    assert front.settled() == ((2, 2, 0, 0) if refused else (2, 0, 2, 0))
    assert len(upstream.received) == 2, "nothing is tried again"


def test_a_refused_field_has_the_clients_name(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.script = refusing(400, {"error": {"message": "no", "param": "max_tokens"}})
    assert failure(front, max_completion_tokens=5)[1]["param"] == "max_completion_tokens"


def test_silence(over: Over, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(wire: Wire) -> None:
        begun(wire)
        wire.wait_closed()

    upstream.script = script
    front = over()
    monkeypatch.setattr(front.engine, "_silence_s", 0.2)
    status, error = failure(front)
    assert (status, error["code"]) == (504, "upstream_timeout")
    wait_until(lambda: upstream.last.closed_at)
    assert front.settled() == (1, 0, 1, 0)


def test_a_slow_first_byte(over: Over, upstream: ScriptedUpstream) -> None:
    upstream.script = lambda wire: wire.wait_closed()
    front = over(REQUEST_TIMEOUT=0.3)
    assert failure(front)[0] == 504
    wait_until(lambda: upstream.last.closed_at)
    assert front.settled() == (1, 0, 0, 1)


def test_bad_embeddings(front: Front, upstream: ScriptedUpstream) -> None:
    for embedding in ("no base64!", [1.0, "two"], [], [float("nan")]):
        data = [{"index": 0, "embedding": embedding}]
        upstream.script = refusing(200, {"data": data})
        reply = front.http.post(EMBEDDINGS, json={"input": "a"})
        assert reply.status_code == 502
    assert front.settled() == (4, 0, 4, 0)


def test_limits(over: Over, upstream: ScriptedUpstream) -> None:
    upstream.script = lambda wire: (begun(wire), wire.wait_closed())[0]
    front = over(MAX_IN_FLIGHT=1)
    with front.http.post(CHAT, json={**QUESTION, "stream": True}) as first:
        status, error = failure(front)
        assert (status, error["code"]) == (503, "overloaded")
        first.close()
    wait_until(lambda: upstream.last.closed_at)
    assert front.settled() == (1, 0, 0, 1)


def test_a_connection_is_not_used_again(front: Front, upstream: ScriptedUpstream) -> None:
    """An upstream that closes one just then would cost the next request."""

    def script(wire: Wire) -> None:
        answer = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        body = json.dumps({"choices": [answer]}).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        wire.raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wire.wait_closed()

    upstream.script = script
    reply = front.http.post(CHAT, json=QUESTION)
    assert reply.status_code == 200
    wait_until(lambda: upstream.last.closed_at)
    assert front.settled() == (1, 1, 0, 0)


def test_draining_ends_what_still_runs(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.script = lambda wire: (begun(wire), wire.wait_closed())[0]
    reply = front.http.post(CHAT, json={**QUESTION, "stream": True})
    front.engine.drain(0.1)
    with pytest.raises(ConnectionResetError):
        reply.get_data()
    assert failure(front)[1]["code"] == "shutting_down"
    assert front.engine.state is EngineState.DRAINING
    assert front.settled() == (1, 0, 1, 0)


def test_ready_follows_the_upstream(
    upstream: ScriptedUpstream, over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_engine, "PROBE_EVERY_S", 0.05)
    front = over()
    assert front.http.get("/ready").status_code == 200
    upstream.health = 503
    wait_until(lambda: front.http.get("/ready").status_code == 503)
    ready = front.http.get("/ready")
    assert ready.json == {"status": "upstream_unreachable"} and "Retry-After" in ready.headers
    upstream.health, upstream.models = 200, ("renamed",)
    wait_until(lambda: front.http.get("/ready").status_code == 200)
    listed = front.http.get("/v1/models").json
    assert listed is not None and listed["data"][0]["id"] == "renamed"


def test_an_upstream_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_engine, "PROBE_EVERY_S", 0.05)
    port = free_port()
    front = Front(ScriptedUpstream(port))
    status, error = failure(front)
    assert (status, error["code"]) == (503, "upstream_unreachable")
    assert front.http.get("/v1/models").status_code == 503
    assert "The server behind this one" in front.http.get("/?lang=en").text
    with scripted_upstream(port=port):
        front.wait_ready()
        assert front.http.post(CHAT, json=QUESTION).status_code == 200
    status, error = failure(front)
    assert (status, error["code"]) == (502, "upstream_unreachable")
    front.engine.drain(0)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and its own certificate."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context, made


def test_certificates_are_verified(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    with scripted_upstream(tls=context) as upstream:
        front = Front(upstream, UPSTREAM_CA_FILE=str(trusted)).wait_ready()
        assert front.http.post(CHAT, json=QUESTION).status_code == 200
        front.engine.drain(0)
        stranger = Front(upstream)
        wait_until(lambda: "certificate" in failure(stranger)[1]["message"].lower())
        assert stranger.engine.state is EngineState.UPSTREAM_UNREACHABLE
        assert len(upstream.received) == 1
        stranger.engine.drain(0)


def test_the_key(upstream: ScriptedUpstream, over: Over, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("# of the cluster\nsk-upstream-1\n")
    front = over(UPSTREAM_KEY_FILE=str(path))
    headers = {"Authorization": "Bearer sk-the-clients"}
    assert front.http.post(CHAT, json=QUESTION, headers=headers).status_code == 200
    assert upstream.last.headers["authorization"] == "Bearer sk-upstream-1"
    assert upstream.last.body["model"] == MODEL
