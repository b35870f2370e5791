"""The upstream's engine for HTTP threads: one daemon thread with an event loop reads all streams,
and asks the upstream every two seconds whether it is ready."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

from app.engine.errors import ShuttingDown, UpstreamError, UpstreamUnreachable
from app.engine.model_info import ModelInfo
from app.engine.request import ANONYMOUS, Owner
from app.engine.stats import EngineState, EngineStats
from app.upstream.connection import UpstreamAddress, UpstreamClient
from app.upstream.exchange import Exchange
from app.upstream.ledger import Ledger
from app.upstream.probe import Probe
from app.upstream.tokenizer import UpstreamTokenizer
from app.upstream.upstream_model import UpstreamModel

PROBE_EVERY_S = 2.0
#: An answer that has begun, and of which nothing more comes for so long, has failed.
SILENCE_S = 60.0
_SWEEP_EVERY_S = 0.5

T = TypeVar("T")
_log = logging.getLogger(__name__)


class UpstreamEngine:
    """Implements `app.engine.EngineStatus`. Call `start` once; any thread may call the rest."""

    def __init__(
        self,
        address: UpstreamAddress,
        max_in_flight: int = 128,
        max_per_owner: int | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        """max_in_flight, max_per_owner: see `RequestLimits`."""
        self.address = address
        self.ledger = Ledger(max_in_flight, max_per_owner)
        self._silence_s = silence_s
        self._loop = uvloop.new_event_loop()  # a fifth less CPU time a token than asyncio's
        self._client: UpstreamClient | None = None
        self._model: UpstreamModel | None = None
        self._info: ModelInfo | None = None
        self._ready = False
        self._problem = "it has not been asked yet"
        self._exchanges: set[Exchange] = set()

    def start(
        self,
        on_ready: Callable[[ModelInfo], None] = lambda info: None,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        """Start the thread. on_ready: called there when the upstream first is ready; on_failure:
        called there if the thread cannot go on."""

        def main() -> None:
            try:
                self._loop.run_until_complete(self._serve(on_ready))
            except BaseException as error:
                self._ready = False
                on_failure(error)

        threading.Thread(target=main, name="upstream", daemon=True).start()

    @property
    def state(self) -> EngineState:
        """As of the last look at the upstream."""
        if self.ledger.draining:
            return EngineState.DRAINING
        return EngineState.READY if self._ready else EngineState.UPSTREAM_UNREACHABLE

    @property
    def stats(self) -> EngineStats:
        """The counters now."""
        return self.ledger.stats

    @property
    def model(self) -> UpstreamModel:
        """What the upstream last said of its models. Raises UpstreamUnreachable until it has."""
        if self._model is None:
            raise UpstreamUnreachable(f"the upstream is not ready: {self._problem}")
        return self._model

    @property
    def info(self) -> ModelInfo:
        """The same, as the engine's facts about a model."""
        if self._info is None:
            raise UpstreamUnreachable(f"the upstream is not ready: {self._problem}")
        return self._info

    def check_capacity(self, owner: Owner = ANONYMOUS) -> None:
        """Raises Unavailable when no request of this owner would be accepted now."""
        self.ledger.check(owner)

    def submit(self, exchange: Exchange) -> None:
        """Accept a request, and send it. Raises Unavailable."""
        self.ledger.accept(exchange.handle)
        self._loop.call_soon_threadsafe(self._begin, exchange)

    def cancel(self, exchange: Exchange) -> None:
        """Close a request's connection to the upstream."""
        self._loop.call_soon_threadsafe(exchange.cancel)

    def ask_tokenizer(
        self, question: Callable[[UpstreamTokenizer], Coroutine[Any, Any, T]]
    ) -> Future[T]:
        """The upstream's answer, once it comes. Raises UpstreamUnreachable."""
        model = self.model

        async def answer() -> T:
            assert self._client is not None
            return await question(UpstreamTokenizer(self._client, self.address, model))

        return asyncio.run_coroutine_threadsafe(answer(), self._loop)

    def drain(self, grace_s: float) -> None:
        """Refuse new requests from now on; those still running after `grace_s` seconds end with
        ShuttingDown. Returns at once."""
        self.ledger.drain()

        def fail_all() -> None:
            for exchange in list(self._exchanges):
                exchange.fail(ShuttingDown("the server is stopping"))

        self._loop.call_soon_threadsafe(self._loop.call_later, grace_s, fail_all)

    # --- the upstream thread

    async def _serve(self, on_ready: Callable[[ModelInfo], None]) -> None:
        async with self.address.client() as self._client:
            probe = Probe(self._client, self.address)
            sweeper = asyncio.ensure_future(self._fail_silent_exchanges())
            while not sweeper.done():
                if not self.ledger.draining:
                    await self._look(probe, on_ready)
                await asyncio.sleep(PROBE_EVERY_S)
            sweeper.result()

    async def _look(self, probe: Probe, on_ready: Callable[[ModelInfo], None]) -> None:
        try:
            model = await probe.look(self._model)
        except UpstreamError as error:
            if self._ready or self._problem != str(error):
                _log.error("the upstream is not ready: %s", error)
            self._ready, self._problem = False, str(error)
            return
        is_first = self._model is None
        if model is not self._model:
            self._model, self._info = model, model.info(int(time.time()))
        if not self._ready and not is_first:
            _log.warning("the upstream is ready again: %s", model.description)
        self._ready = True
        if is_first:
            on_ready(self.info)

    def _begin(self, exchange: Exchange) -> None:
        assert self._client is not None, "requests come after the first look"
        exchange.start(self._client, self.address, self.ledger)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda _: self._exchanges.discard(exchange))

    async def _fail_silent_exchanges(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            now = self._loop.time()
            for exchange in list(self._exchanges):
                if exchange.heard_at is not None and now - exchange.heard_at > self._silence_s:
                    message = f"the upstream has sent nothing for {self._silence_s:g} s"
                    exchange.fail(UpstreamError(message, 504, "upstream_timeout"))
