"""Streams through the readers of real clients: nothing is lost, and nothing breaks them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api import sse
from app.connection import request_context
from app.engine.events import Progress
from tests.clients.readers import (
    Read,
    benchmark_client,
    blank_line_blocks,
    data_lines,
    every_line_is_data,
)
from tests.fakes import ScriptedEngine

Reader = Callable[[Iterable[bytes]], Read]
READERS: tuple[Reader, ...] = (
    benchmark_client,
    every_line_is_data,
    data_lines,
    blank_line_blocks,
)
BODIES: dict[str, dict[str, Any]] = {
    "completions": {"prompt": "你好"},
    "chat/completions": {"messages": [{"role": "user", "content": "你好"}]},
}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
ODD = "一\n\ndata: [DONE]\n\n: x\r\n\u2028二\x85 {} \n"


def pieces_of(client: FlaskClient, route: str, **fields: Any) -> list[bytes]:
    body = {**BODIES[route], **STREAM, **fields}
    response = client.post(f"/v1/{route}", json=body, buffered=False)
    assert response.status_code == 200
    return list(response.response)  # type: ignore[arg-type]


def cut(data: bytes, seed: int) -> list[bytes]:
    """As a network might."""
    rng, pieces = random.Random(seed), []
    while data:
        size = rng.randrange(1, 120)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("route", BODIES)
def test_all_text_arrives(
    client: FlaskClient, engine: ScriptedEngine, reader: Reader, route: str
) -> None:
    engine.answer = lambda request, index: "答" + ODD * 20
    engine.progress = (Progress(queued=3), Progress(0, 512, 900), Progress(0, 900, 900))
    read = reader(pieces_of(client, route, max_tokens=1000))
    assert read.done
    assert read.text == "答" + ODD * 20
    assert read.usage is not None and read.usage["completion_tokens"] > 100


@pytest.mark.parametrize("reader", [every_line_is_data, data_lines, blank_line_blocks])
@pytest.mark.parametrize("route", BODIES)
def test_wherever_the_network_cuts(client: FlaskClient, reader: Reader, route: str) -> None:
    whole = b"".join(pieces_of(client, route, n=2))
    for seed in range(20):
        assert reader(cut(whole, seed)) == reader([whole])


@pytest.mark.parametrize("reader", [benchmark_client, data_lines, blank_line_blocks])
@pytest.mark.parametrize("route", BODIES)
def test_a_ping_costs_no_text(
    client: FlaskClient,
    engine: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
    reader: Reader,
    route: str,
) -> None:
    """A reader that strips what it receives joins a comment to what comes after it."""
    monkeypatch.setattr(sse, "PING_AFTER_S", 0.05)
    monkeypatch.setattr(request_context, "MAX_WAIT_S", 0.01)
    engine.first_delay_s, engine.delay_s = 0.2, 0.12
    engine.bytes_per_event = 12
    pieces = pieces_of(client, route)
    assert sum(piece == b": ping\n\n" for piece in pieces) >= 2
    read = reader(pieces)
    assert read.done and read.text.startswith("答案0：")
    whole = client.post(f"/v1/{route}", json=BODIES[route]).get_json()["choices"][0]
    assert read.text == (whole["text"] if "text" in whole else whole["message"]["content"])


@pytest.mark.parametrize("route", BODIES)
def test_the_first_chunk_is_the_first_token(
    client: FlaskClient, engine: ScriptedEngine, route: str
) -> None:
    """Benchmark clients take its time for the time to first token."""
    engine.first_delay_s = 0.3
    engine.progress = (Progress(queued=1), Progress(0, 512, 900))
    read = benchmark_client(pieces_of(client, route)[:1])
    assert read.text
