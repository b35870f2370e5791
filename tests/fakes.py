"""An engine without a model: byte-level tokens and answers made from the request alone.

Without torch; tests configure it through its constructor.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

from app.engine.detokenizer import Detokenizer
from app.engine.errors import (
    ContextExceeded,
    EmptyPrompt,
    EngineError,
    ModelLoading,
    Overloaded,
    ShuttingDown,
    UnknownToken,
)
from app.engine.events import (
    Embedding,
    Event,
    FinishReason,
    OutputDelta,
    Progress,
    PromptLogprobs,
    TokenLogprob,
)
from app.engine.model_info import ModelInfo
from app.engine.request import ANONYMOUS, EmbeddingRequest, GenerationRequest, Owner
from app.engine.stats import DayUsage, EngineState, EngineStats
from app.engine.token_ids import TokenIds
from app.engine.usage import UsageByKey
from app.engine.validation import check_token_ids
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

BOS, EOS, FIRST_BYTE = 1, 2, 3
VOCAB_SIZE = FIRST_BYTE + 256

TOKEN_BYTES = (b"", b"", b"", *(bytes([value]) for value in range(256)))

INFO = ModelInfo(
    max_model_len=2048,
    hidden_size=8,
    vocab_size=VOCAB_SIZE,
    bos_text="<s>",
    eos_text="</s>",
    named_tokens=(("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")),
    special_texts=("<unk>", "<s>", "</s>"),
    special_ids=(0, BOS, EOS),
    token_bytes=TOKEN_BYTES,
    description="a script",
    loaded_at=1_700_000_000,
    fingerprint="westlake-script",
)

Script = Callable[[GenerationRequest, int], str]


def answer_for(request: GenerationRequest, index: int) -> str:
    """The answer a ScriptedEngine gives by default: it tells requests and choices apart."""
    prompt = request.prompts[index // request.n]
    return f"答案{index}：{crc32(repr((prompt, request.params.seed)).encode()):08x}"


@dataclass
class ScriptedEngine:
    """Implements `app.engine.Engine`. Its attributes may be changed between requests."""

    answer: Script = answer_for
    info_: ModelInfo = INFO
    state: EngineState = EngineState.READY
    max_in_flight: int = 128
    bytes_per_event: int = 5  #: not a character's: deltas must not split one
    first_delay_s: float = 0.0  #: before any text
    delay_s: float = 0.0  #: before each further piece of text
    cached_tokens: int = 0  #: of each prompt, that were found in the cache
    progress: tuple[Progress, ...] = ()
    logprobs_come_late: bool = False  #: later choices begin before the prompt's logprobs
    refusal: EngineError | None = None  #: raised by generate and embed
    failure: Exception | None = None  #: raised by a handle after `fail_after` pieces of text
    fail_after: int = 0
    requests: list[GenerationRequest | EmbeddingRequest] = field(default_factory=list)
    handles: list[ScriptedHandle] = field(default_factory=list)
    encoded: list[tuple[str, bool]] = field(default_factory=list)
    usage: UsageByKey = field(default_factory=UsageByKey)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def info(self) -> ModelInfo:
        if self.state is EngineState.LOADING:
            raise ModelLoading("The model is still loading")
        return self.info_

    @property
    def stats(self) -> EngineStats:
        handles = list(self.handles)
        ends = [handle.end for handle in handles]
        by_key = self.usage.totals()
        return EngineStats(
            running=ends.count(None),
            accepted=len(handles),
            completed=ends.count("completed"),
            failed=ends.count("failed"),
            cancelled=ends.count("cancelled"),
            prompt_tokens=sum(usage.prompt_tokens for _, usage in by_key),
            generation_tokens=sum(usage.generation_tokens for _, usage in by_key),
            usage_by_key=by_key,
            finished=(("stop", 1), ("length", 0)),
            ttft_seconds=((0.1, 1), (float("inf"), 2)),
            ttft_sum_seconds=0.5,
        )

    def usage_today(self, owner: Owner) -> DayUsage:
        return self.usage.today(owner.key_name)

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        if text:
            self.encoded.append((text, allow_special))
        ids = [] if allow_special else [BOS]
        while text:
            special = next(
                (s for s in self.info.special_texts if allow_special and text.startswith(s)), ""
            )
            if special:
                ids.append(self.info.special_texts.index(special))
            elif not (allow_special and text[0] == SPECIAL_TOKEN_GUARD):
                ids += [FIRST_BYTE + byte for byte in text[0].encode()]
            text = text[len(special) or 1 :]
        return tuple(ids)

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i - FIRST_BYTE for i in ids if i >= FIRST_BYTE).decode(errors="replace")

    def logprob(self, token: int, alternatives: int) -> TokenLogprob:
        """A made-up logprob for a token, always the same."""
        top = tuple((FIRST_BYTE + 97 + i, -0.25 * (i + 1)) for i in range(alternatives))
        return TokenLogprob(token, -(1 + token % 8) / 8, top)

    def generate(self, request: GenerationRequest) -> ScriptedHandle:
        check_token_ids(request, self.info.vocab_size)
        longest = max(map(len, request.prompts))
        room = self.info.max_model_len - longest
        if room < (request.max_tokens != 0):
            limit = self.info.max_model_len
            raise ContextExceeded.of(limit, f"the prompt has {longest} tokens")
        events: list[Event] = []
        indices = range(len(request.prompts) * request.n)
        choices = [self._deltas(request, index) for index in indices]
        if self.logprobs_come_late:
            events += [deltas.pop(0) for deltas in choices[1:]]
        if (count := request.prompt_logprobs) is not None:
            for index, prompt in enumerate(request.prompts):
                logprobs = tuple(self.logprob(token, count) for token in prompt[1:])
                for part in (logprobs[:3], logprobs[3:]):  # in two events, as a long prompt's
                    if part:
                        events.append(PromptLogprobs(index * request.n, part))
        for step in range(max(map(len, choices))):
            events += [deltas[step] for deltas in choices if step < len(deltas)]
        handle = self._accept(request, request.prompts, events)
        asked = room if request.max_tokens is None else request.max_tokens
        handle.max_new_tokens = min(asked, room)
        return handle

    def embed(self, request: EmbeddingRequest) -> ScriptedHandle:
        vectors = [Embedding(i, self.vector(ids)) for i, ids in enumerate(request.inputs)]
        return self._accept(request, request.inputs, list(vectors))

    def vector(self, ids: TokenIds) -> bytes:
        """A vector of length 1 made from the ids alone."""
        size = self.info.hidden_size
        values = [crc32(bytes([place]) + repr(ids).encode()) - 2**31 for place in range(size)]
        length = sum(value * value for value in values) ** 0.5
        return struct.pack(f"<{size}f", *(value / length for value in values))

    def _accept(
        self,
        request: GenerationRequest | EmbeddingRequest,
        prompts: Sequence[TokenIds],
        events: list[Event],
    ) -> ScriptedHandle:
        for prompt in prompts:
            if not prompt:
                raise EmptyPrompt("A prompt has no tokens")
            if max(prompt) >= self.info.vocab_size or min(prompt) < 0:
                raise UnknownToken("A token is not in the vocabulary")
        with self._lock:
            if self.refusal is not None:
                raise self.refusal
            self._check_capacity()
            handle = ScriptedHandle(self, sum(map(len, prompts)), events, request.owner)
            name = request.owner.key_name
            self.usage.count(name, requests=1, prompt_tokens=handle.prompt_tokens)
            self.requests.append(request)
            self.handles.append(handle)
        return handle

    def check_capacity(self, owner: Owner = ANONYMOUS) -> None:
        if self.state is not EngineState.LOADING:
            self._check_capacity()

    def _check_capacity(self) -> None:
        if self.state is not EngineState.READY:
            raise ShuttingDown("The server is stopping")
        if sum(handle.end is None for handle in self.handles) >= self.max_in_flight:
            raise Overloaded("Too many requests are in flight")

    def _deltas(self, request: GenerationRequest, index: int) -> list[OutputDelta]:
        if request.max_tokens == 0:
            return [OutputDelta(index, "", (), finish_reason=FinishReason.LENGTH)]
        text, reasoning = self.answer(request, index), request.reasoning
        if request.drop_leading_space and reasoning is None:
            text = text.lstrip()
        stops = [stop for stop in request.stop if reasoning is None and stop in text]
        stop_reason = min(stops, key=lambda stop: (text.index(stop), len(stop)), default=None)
        if stop_reason is not None:
            text = text.partition(stop_reason)[0]
        data = text.encode()
        limit = request.max_tokens or request.default_max_tokens or len(data) + 1
        reason = FinishReason.LENGTH if len(data) >= limit else FinishReason.STOP
        stop, drop = (request.stop, request.drop_leading_space) if reasoning else ((), False)
        detokenizer = Detokenizer(TOKEN_BYTES, stop, drop, reasoning=reasoning)
        deltas: list[OutputDelta] = []
        ids = [FIRST_BYTE + byte for byte in data[:limit]]
        count = request.params.logprobs
        stopped = False
        for start in range(0, len(ids), self.bytes_per_event):
            part = ids[start : start + self.bytes_per_event]
            new = ""
            for token in part:
                text, stopped = detokenizer.push(
                    token, None if count is None else self.logprob(token, count)
                )
                new += text
            logprobs, thinking = detokenizer.release_logprobs(), detokenizer.take_reasoning()
            deltas.append(OutputDelta(index, new, tuple(part), logprobs, None, *thinking))
            if stopped:
                reason, stop_reason = FinishReason.STOP, detokenizer.stop_string
                break
        last = deltas.pop() if deltas else OutputDelta(index, "")
        rest, thinking, tokens = detokenizer.finish()[0], *detokenizer.take_reasoning()
        logprobs = last.logprobs + detokenizer.release_logprobs()
        last = replace(last, text=last.text + rest, logprobs=logprobs, finish_reason=reason)
        if reason is FinishReason.STOP:
            last = replace(last, stop_reason=stop_reason or detokenizer.stop_string)
        thinking = last.reasoning + thinking
        tokens += last.reasoning_tokens
        return [*deltas, replace(last, reasoning=thinking, reasoning_tokens=tokens)]


class ScriptedHandle:
    """Has the methods of `app.engine.request_handle.RequestHandle` that HTTP calls."""

    def __init__(
        self, engine: ScriptedEngine, prompt_tokens: int, events: list[Event], owner: Owner
    ) -> None:
        self.prompt_tokens = prompt_tokens
        self.owner = owner
        self.cached_tokens, self.generation_tokens = engine.cached_tokens, 0
        self.reasoning_tokens: int | None = None
        self.queued = True
        self.max_new_tokens = 0
        self.end: str | None = None  #: "completed", "failed" or "cancelled"
        self._engine = engine
        self._events: list[Event] = [*engine.progress, *events]
        self._taken = 0
        self._pieces = 0
        self._next_at = time.monotonic() + engine.first_delay_s
        self._woken = threading.Event()

    @property
    def done(self) -> bool:
        return self._taken == len(self._events)

    def next_events(self, timeout_s: float) -> list[Event]:
        engine = self._engine
        event = self._events[self._taken]
        if isinstance(event, Progress):
            self._taken += 1
            return [event]
        if engine.failure is not None and self._pieces >= engine.fail_after:
            self.end = "failed"
            raise engine.failure
        wait_s = self._next_at - time.monotonic()
        if wait_s > 0:
            if self._woken.wait(min(wait_s, timeout_s)):
                self._woken.clear()
                return []
            if wait_s > timeout_s:
                return []
        self._next_at = time.monotonic() + engine.delay_s
        self._taken += 1
        self._pieces += 1
        if isinstance(event, OutputDelta):
            new = len(event.token_ids)
            self.generation_tokens += new
            engine.usage.count(self.owner.key_name, generation_tokens=new)
            if event.reasoning_tokens:
                self.reasoning_tokens = (self.reasoning_tokens or 0) + event.reasoning_tokens
        if self.done and self.end is None:
            self.end = "completed"
        return [event]

    def wake(self) -> None:
        self._woken.set()

    def wait_until_prepared(self, timeout_s: float) -> bool:
        return True

    def cancel(self) -> None:
        if self.end is None:
            self.end = "cancelled"
