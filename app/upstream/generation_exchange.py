"""A generation request's answer, read event by event."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import unquote

import httpx2

from app.engine.errors import UpstreamError
from app.engine.events import Event, OutputDelta, Progress
from app.engine.model_info import TokenTexts
from app.engine.request_handle import RequestHandle
from app.generation.request import FieldNames
from app.upstream.answer_json import bad_answer
from app.upstream.chunk_reader import ChunkReader, ReportedError, TokenCounts
from app.upstream.connection import UpstreamAddress, UpstreamClient, read_limited
from app.upstream.event_stream import MAX_EVENT_BYTES, EventStreamParser, EventTooLong
from app.upstream.exchange import Exchange
from app.upstream.joined_deltas import joined
from app.upstream.ledger import Ledger
from app.upstream.refusals import refusal
from app.upstream.server_kind import ServerKind
from app.upstream.token_texts import TokenNumbers
from app.upstream.upstream_call import UpstreamCall

#: How long the end of a stream may come after its [DONE]: only then is its connection used again.
_END_AFTER_DONE_S = 0.5
#: Until then an error event is a refusal; after it the answer has begun, for the client too.
_REFUSAL_WITHIN_S = 2.0
_QUEUED = re.compile(rb": queued (\d{1,9})")
_PREFILL = re.compile(rb": prefill (\d{1,9})/(\d{1,9})")


class GenerationExchange(Exchange):
    """`max_tokens_cut` and `unread_fields` are known once the handle is prepared."""

    def __init__(
        self, handle: RequestHandle, call: UpstreamCall, kind: ServerKind, names: FieldNames
    ) -> None:
        self._calls = call.divided() if call.one_choice_each and call.choices > 1 else (call,)
        super().__init__(handle, call, kind, names, self._calls)
        self._left = len(self._calls)  #: calls without all of their answer
        self._numbers = TokenNumbers(call.special_texts)
        self._readers = [ChunkReader(each, self._numbers) for each in self._calls]
        self.max_tokens_cut: int | None = None
        self.unread_fields: tuple[str, ...] = ()

    @property
    def token_texts(self) -> TokenTexts:
        """What the ids of the answer's logprobs stand for."""
        return self._numbers.texts

    @property
    def counts(self) -> TokenCounts:
        """The upstream's, or, until they come, one token for each event with output. A prompt
        counts once, also where it is sent once for each choice."""
        counts = [
            reader.counts or TokenCounts(0, reader.chunks_with_output) for reader in self._readers
        ]
        if len(counts) == 1:
            return counts[0]
        prompts = counts[:: self.call.n]
        return TokenCounts(
            sum(each.prompt for each in prompts),
            sum(each.completion for each in counts),
            sum(each.cached for each in prompts),
        )

    async def send_all(
        self, client: UpstreamClient, address: UpstreamAddress, ledger: Ledger
    ) -> None:
        """All calls at a time."""
        try:
            async with asyncio.TaskGroup() as group:
                for part, call in enumerate(self._calls):
                    group.create_task(self.send(call, part, client, address, ledger))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def read(self, response: httpx2.Response, ledger: Ledger, part: int) -> None:
        """Take the answer to a call, and tell the handle."""
        self._read_headers(response)
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "text/event-stream":
            await self._read_events(response, ledger, part)
        elif kind == "application/json":
            body = await read_limited(response, MAX_EVENT_BYTES)
            self._send_output(list(self._readers[part].read(body)), ledger, part)
            self._check_finished(ledger, part)
        else:
            raise bad_answer(f"its content type is {kind[:100] or 'missing'}")

    def _read_headers(self, response: httpx2.Response) -> None:
        cut = response.headers.get("x-max-tokens-cut", "")
        self.max_tokens_cut = int(cut) if re.fullmatch(r"[0-9]{1,9}", cut) else None
        ignored = response.headers.get("x-ignored-parameters", "")
        self.unread_fields = tuple(unquote(name) for name in ignored.split(", ") if name)

    async def _read_events(self, response: httpx2.Response, ledger: Ledger, part: int) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        # Without `aiter_raw`, which takes 10 µs more for each token.
        parser, received = EventStreamParser(), aiter(response.stream)
        loop = asyncio.get_running_loop()
        # vLLM refuses some requests in the first event of a stream that it has begun.
        late = loop.call_later(_REFUSAL_WITHIN_S, self.handle.mark_prepared)
        try:
            async for received_part in received:
                self.heard_at = loop.time()
                try:
                    is_done = self._take(parser, received_part, ledger, part)
                except UpstreamError as error:
                    if not error.is_refusal:
                        self.handle.mark_prepared()
                    raise
                self.handle.mark_prepared()
                if is_done:
                    break
        finally:
            late.cancel()
        self._check_finished(ledger, part)
        if not self._is_cut(self._readers[part]):
            await _await_end(received)

    def _is_cut(self, reader: ChunkReader) -> bool:
        """Whether a call's answer is whole, and the upstream does not know it."""
        return self.call.stops_here_alone and reader.finished

    def _take(self, parser: EventStreamParser, received: bytes, ledger: Ledger, part: int) -> bool:
        """Read what has come; True at the end: the stream's [DONE], or where it is cut."""
        events: list[Event] = []
        reader = self._readers[part]
        try:
            for data in parser.feed(received):
                if data.startswith(b":"):
                    events += _progress(data)
                elif data == b"[DONE]":
                    return True
                else:
                    events += reader.read(data)
                    if self._is_cut(reader):
                        return True
        except EventTooLong:
            raise bad_answer("an event is too long") from None
        except ReportedError as error:
            status = error.status_told
            if reader.chunks_with_output or status is None or not 400 <= status < 500:
                raise
            sent = self._calls[part].body
            raise refusal(status, {}, data, self._kind, self._names, sent) from None
        finally:
            self._send_output(events, ledger, part)
        return False

    def _send_output(self, events: list[Event], ledger: Ledger, part: int) -> None:
        if part:
            events = [
                replace(each, index=part) if isinstance(each, OutputDelta) else each
                for each in events
            ]
        if events:
            ledger.output(self.handle, events)
            self.handle.send(joined(events))

    def _check_finished(self, ledger: Ledger, part: int) -> None:
        """Complete the request if this was the last of its calls."""
        if not self._readers[part].finished:
            raise UpstreamError("the upstream's answer ended in the middle", 502, "upstream_error")
        self._left -= 1
        if not self._left:
            ledger.complete(self.handle, self.counts)


async def _await_end(received: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_END_AFTER_DONE_S):
            async for _ in received:
                pass


def _progress(comment: bytes) -> list[Event]:
    if match := _PREFILL.fullmatch(comment):
        return [Progress(prefilled_tokens=int(match[1]), prompt_tokens=int(match[2]))]
    if match := _QUEUED.fullmatch(comment):
        return [Progress(queued=int(match[1]))]
    return []
