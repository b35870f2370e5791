"""Streams of API families that name their events, open with some, and end without a mark."""

from __future__ import annotations

from typing import ClassVar

import pytest

from app.api.chunks import Chunks
from app.api.sse import write_events
from app.api.sse_format import SseFormat
from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.engine.errors import ShuttingDown
from app.engine.events import OutputDelta
from app.engine.request import GenerationRequest
from app.generation.results import Usage
from app.generation.text_stream import TextStream
from app.protocol.api_family import ApiFamily
from tests.fakes import ScriptedEngine

CONTEXT = RequestContext("a test", ClientConnection({}, DisconnectWatcher()), float("inf"))


class Typed(Chunks):
    """Events as an API with typed events has them."""

    sse_format: ClassVar[SseFormat] = SseFormat(
        named=True, end=b"", ping=b'event: ping\ndata: {"type":"ping"}\n\n'
    )

    def opening(self, usage: Usage) -> list[dict[str, object]]:
        return [{"type": "start", "tokens": usage.prompt_tokens}]

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        return [{"type": "text", "text": delta.text}] if delta.text else []

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        return [{"type": "stop", "tokens": usage.completion_tokens}]

    def failed(self, error: dict[str, object]) -> list[dict[str, object]]:
        return [{"type": "error", **error}, {"type": "stop"}]


def body(engine: ScriptedEngine) -> list[bytes]:
    handle = engine.generate(GenerationRequest(((5, 6, 7),)))
    pieces = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.api.sse.PING_AFTER_S", 0.0)
        for piece in write_events(TextStream(handle, 1, CONTEXT), Typed(), "r1", ApiFamily.OPENAI):
            pieces.append(piece)
    return pieces


def test_named_events() -> None:
    engine = ScriptedEngine(answer=lambda request, index: "ab", bytes_per_event=2)
    assert b"".join(body(engine)) == (
        b'event: start\ndata: {"type":"start","tokens":3}\n\n'
        b'event: text\ndata: {"type":"text","text":"ab"}\n\n'
        b'event: stop\ndata: {"type":"stop","tokens":2}\n\n'
    )


def test_the_opening_comes_before_anything_slow_and_pings_are_the_familys() -> None:
    engine = ScriptedEngine(answer=lambda request, index: "ab", first_delay_s=0.05)
    pieces = body(engine)
    assert pieces[0].startswith(b"event: start\n")
    ping = Typed.sse_format.ping
    assert all(piece in (ping, pieces[0]) or b"event: text" in piece for piece in pieces[:-1])


def test_the_familys_error() -> None:
    engine = ScriptedEngine(failure=ShuttingDown("The server is stopping"))
    failed = body(engine)[-1]
    assert failed.startswith(b'event: error\ndata: {"type":"error","error":{"message":"The server')
    assert failed.endswith(b'event: stop\ndata: {"type":"stop"}\n\n')
