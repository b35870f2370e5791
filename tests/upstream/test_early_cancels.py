"""Requests that are cancelled before they are sent end, and give their places back."""

from __future__ import annotations

import asyncio

import pytest

from app.engine.errors import UpstreamError
from app.engine.request_handle import RequestHandle
from app.generation.request import FieldNames
from app.upstream.connection import UpstreamAddress
from app.upstream.embedding_exchange import EmbeddingExchange
from app.upstream.exchange import Exchange
from app.upstream.generation_exchange import GenerationExchange
from app.upstream.ledger import Ledger
from app.upstream.server_kind import OTHER
from app.upstream.upstream_call import UpstreamCall

ADDRESS = UpstreamAddress("http://127.0.0.1:1/v1")
CALL = UpstreamCall("/completions", {"prompt": "x"}, 1, 1, 1)


def exchange_of(kind: str) -> Exchange:
    handle = RequestHandle(0, 1, lambda: None)
    if kind == "embeddings":
        return EmbeddingExchange(handle, CALL, OTHER, FieldNames("input"), None)
    return GenerationExchange(handle, CALL, OTHER, FieldNames("prompt"))


async def run(exchange: Exchange, ledger: Ledger, *, at_once: bool) -> None:
    """at_once: the task is cancelled before its first step, not by the handle's flag."""
    ledger.accept(exchange.handle)
    async with ADDRESS.client() as client:
        if not at_once:
            exchange.handle.cancel()
        exchange.start(client, ADDRESS, ledger)
        if at_once:
            exchange.cancel()
        await asyncio.wait([exchange.task], timeout=10)
        await asyncio.sleep(0)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("kind", ["completions", "embeddings"])
def test_it_ends(kind: str, at_once: bool) -> None:
    exchange, ledger = exchange_of(kind), Ledger(4, None)
    asyncio.run(run(exchange, ledger, at_once=at_once))
    stats = ledger.stats
    assert exchange.handle.ended
    assert (stats.accepted, stats.cancelled, stats.running, stats.waiting) == (1, 1, 0, 0)


def test_it_fails_with_its_error() -> None:
    exchange, ledger = exchange_of("completions"), Ledger(4, None)

    async def fail() -> None:
        ledger.accept(exchange.handle)
        async with ADDRESS.client() as client:
            exchange.start(client, ADDRESS, ledger)
            exchange.fail(UpstreamError("gone", 502))
            await asyncio.wait([exchange.task], timeout=10)
            await asyncio.sleep(0)

    asyncio.run(fail())
    assert (ledger.stats.failed, ledger.stats.running) == (1, 0)
    with pytest.raises(UpstreamError, match="gone"):
        exchange.handle.next_events(1)
