"""The input and output of one engine step, and the interfaces of the runner and the sampler.

A backend implements `Runner` and `Sampler`. Token ids and slots are integers; tensors are opaque
to the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from app.engine.beam_search import BeamCandidate
from app.engine.events import TokenLogprob
from app.engine.request import SamplingParams
from app.engine.token_ids import TokenIds


class OutputKind(Enum):
    """What a prefill chunk returns, besides filling the cache."""

    NONE = 0
    LOGITS = 1  #: of the chunk's last token
    POOLED = 2  #: the sum of the chunk's final hidden states


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One token of a running sequence, at `position`."""

    slot: int
    position: int
    token: int
    needs_logits: bool  #: False while a preempted sequence recomputes tokens in this way


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """Consecutive tokens of a prompt. Unless the runner is row-invariant, at most
    `Runner.prefill_chunk_tokens`, starting at a multiple of that: so the logits' bits do not
    depend on the load."""

    slot: int
    start: int  #: position of the first token
    tokens: TokenIds
    output: OutputKind
    #: For prompt logprobs: the token that follows each of the chunk's first tokens.
    logprob_targets: TokenIds = ()

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step computes: decode rows and prefill chunks together."""

    decode_rows: tuple[DecodeRow, ...]
    prefill_chunks: tuple[PrefillChunk, ...]

    @property
    def tokens(self) -> int:
        """Number of tokens, which are the rows of the matrix products."""
        return len(self.decode_rows) + sum(len(chunk.tokens) for chunk in self.prefill_chunks)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a runner returns, in the batch's order."""

    logits: Any  #: [rows and chunks that need logits, vocab]; None without any
    pooled: tuple[Any, ...]  #: for each POOLED chunk one [hidden] float64 sum
    target_logits: tuple[Any, ...] = ()  #: [targets, vocab] for each chunk with logprob_targets


class Runner(Protocol):
    """Computes batches. Called by the engine thread only."""

    slots: int
    positions: int  #: tokens one slot can hold
    bytes_per_token: int  #: of cache
    #: Prompts are computed in chunks of this many tokens, cut from position 0, unless
    #: `row_invariant`.
    prefill_chunk_tokens: int
    #: True: a token gets the same bits in a prefill chunk, however the prompt is cut, and as a
    #: decode row, so chunks may begin and end anywhere. False: only where it is computed again
    #: in the same chunk or as a decode row.
    row_invariant: bool

    def run(self, batch: Batch) -> StepResult:
        """Compute a batch and write its keys and values to the cache."""

    def release(self, slot: int) -> None:
        """Free the memory of a slot."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy positions [start, end) of the cache from one slot to another."""


@dataclass(slots=True)
class SamplingInput:
    """Everything besides the logits that the choice of one token depends on; one for each
    sequence, kept up to date as it grows."""

    params: SamplingParams = field(default_factory=SamplingParams)
    seed: int = 0
    choice: int = 0  #: index among the request's `n`
    position: int = 0  #: number of tokens generated before
    seen: set[int] = field(default_factory=set)  #: of prompt and output, for repetition_penalty
    counts: dict[int, int] = field(default_factory=dict)  #: of the output's tokens
    allowed: Any = None  #: bool array [vocab], the mask of a grammar; None: all tokens
    end_ids: TokenIds = ()  #: the tokens that end the answer
    min_tokens: int = 0  #: `end_ids` are not sampled before the answer has so many tokens

    def append(self, token: int) -> None:
        """Count a generated token."""
        self.position += 1
        self.counts[token] = self.counts.get(token, 0) + 1
        if self.params.repetition_penalty != 1.0:
            self.seen.add(token)

    def copy(self) -> SamplingInput:
        """One that grows apart from this."""
        return replace(self, seen=set(self.seen), counts=dict(self.counts))


@dataclass(frozen=True, slots=True)
class SampledToken:
    """A sampled token; `token_id` is -1 when the logits were NaN."""

    token_id: int
    logprob: TokenLogprob | None = None


class Sampler(Protocol):
    """Samples tokens from logits. Called by the engine thread only."""

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        """One token for each row. It depends on that row alone."""

    def beam_step(
        self,
        logits: Any,
        inputs: list[SamplingInput],
        scores: list[float],
        count: int,
        min_tokens_to_keep: int,
    ) -> list[BeamCandidate]:
        """At most `count` continuations of one prompt's beams, best (or first drawn) first;
        [] when the logits are NaN.

        scores: of the beams so far; min_tokens_to_keep: tokens of each beam that top_k, top_p and
        min_p keep at least.
        """

    def logprobs_of(self, logits: Any, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        """The log-probability of one given token for each row."""
