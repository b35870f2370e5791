"""One request on its way: sent to the upstream, its answer read, its handle told."""

from __future__ import annotations

import asyncio
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

import httpx2

from app.engine.errors import EngineError, GenerationFailed
from app.engine.request_handle import RequestHandle
from app.generation.request import FieldNames
from app.upstream.chunk_reader import TokenCounts
from app.upstream.connection import UpstreamAddress, UpstreamClient, read_limited, transport_errors
from app.upstream.ledger import Ledger
from app.upstream.refusals import MAX_ERROR_BYTES, refusal
from app.upstream.server_kind import ServerKind
from app.upstream.upstream_call import UpstreamCall

_log = logging.getLogger(__name__)


class Exchange(ABC):
    """Runs as one task of the upstream thread. Whoever wants to end it calls `fail`, or
    `RequestHandle.cancel`: either closes the connection to the upstream."""

    def __init__(
        self,
        handle: RequestHandle,
        call: UpstreamCall,
        kind: ServerKind,
        names: FieldNames,
        parts: Sequence[UpstreamCall] = (),
    ) -> None:
        """names: what the client calls the fields that the upstream may refuse; parts: what is
        sent instead of `call` as a whole."""
        self.handle, self.call = handle, call
        self._kind, self._names = kind, names
        # Here, on the HTTP thread: a long prompt would hold up the thread that reads all streams.
        self._contents = [
            json.dumps(each.body, ensure_ascii=False).encode() for each in parts or (call,)
        ]
        self._task: asyncio.Task[None] | None = None
        self._failure: EngineError | None = None
        self.heard_at: float | None = None  #: when bytes came last, monotonic; None: none yet

    def start(self, client: UpstreamClient, address: UpstreamAddress, ledger: Ledger) -> None:
        """Begin."""
        ledger.sent(self.handle)
        self._task = asyncio.ensure_future(self._run(client, address, ledger))
        # Also of a task that is cancelled before its first step, which runs none of its code.
        self._task.add_done_callback(lambda _: self._end(ledger, self._failure))

    @property
    def task(self) -> asyncio.Task[None]:
        """The running task."""
        assert self._task is not None
        return self._task

    def cancel(self) -> None:
        """End it; its client has gone."""
        if self._task is not None:
            self._task.cancel()

    def fail(self, error: EngineError) -> None:
        """End it with an error."""
        self._failure = self._failure or error
        self.cancel()

    @property
    @abstractmethod
    def counts(self) -> TokenCounts:
        """Tokens so far."""

    @abstractmethod
    async def read(self, response: httpx2.Response, ledger: Ledger, part: int) -> None:
        """Take the answer, and tell the handle. part: the number of the call.

        Raises:
            UpstreamError: it is not an answer.
        """

    async def _run(self, client: UpstreamClient, address: UpstreamAddress, ledger: Ledger) -> None:
        try:
            await self.send_all(client, address, ledger)
        except EngineError as error:
            self._failure = self._failure or error
        except Exception:
            _log.exception("a request to the upstream failed")
            self._failure = GenerationFailed("the server failed on this request")

    def _end(self, ledger: Ledger, error: EngineError | None) -> None:
        """End it, unless it has its whole answer. error: None: its client has gone."""
        if self.handle.ended:
            return
        if error is None:
            ledger.cancel(self.handle, self.counts)
        else:
            ledger.fail(self.handle, error, self.counts)

    async def send_all(
        self, client: UpstreamClient, address: UpstreamAddress, ledger: Ledger
    ) -> None:
        """Send what there is to send, and read all of the answer."""
        await self.send(self.call, 0, client, address, ledger)

    async def send(
        self,
        call: UpstreamCall,
        part: int,
        client: UpstreamClient,
        address: UpstreamAddress,
        ledger: Ledger,
    ) -> None:
        """Send one call, and read its answer. Raises EngineError."""
        if self.handle.cancelled:
            raise asyncio.CancelledError
        url, content = address.url + call.path, self._contents[part]
        async with (
            transport_errors("in the middle of a request"),
            client.stream("POST", url, content=content, headers=call.headers) as response,
        ):
            if response.status_code != 200:
                body = await read_limited(response, MAX_ERROR_BYTES)
                status, headers = response.status_code, response.headers
                raise refusal(status, headers, body, self._kind, self._names, call.body)
            await self.read(response, ledger, part)
