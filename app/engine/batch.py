"""What one engine step computes, and what comes back: the seam below which a runner lives.

Knows nothing about requests, text or torch; integers and opaque tensors only.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from app.engine.beam_search import BeamCandidate
from app.engine.types import SamplingParams, TokenIds, TokenLogprob


class OutputKind(Enum):
    """What a chunk's caller needs besides the cache being filled."""

    NONE = 0
    LOGITS = 1  #: of the chunk's last token
    POOLED = 2  #: the sum of the chunk's final hidden states


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One token of a running sequence, at `position`."""

    slot: int
    position: int
    token: int
    needs_logits: bool  #: False while a preempted sequence's own tokens are replayed


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """A chunk of a prompt, cut at multiples of `Runner.prefill_chunk_tokens`, so that its bits do
    not depend on the load."""

    slot: int
    start: int  #: position of the first token
    tokens: TokenIds
    output: OutputKind
    logprob_targets: TokenIds = ()  #: the token after each of its first tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: decode rows and prompt chunks together."""

    decode_rows: tuple[DecodeRow, ...]
    prefill_chunks: tuple[PrefillChunk, ...]

    @property
    def tokens(self) -> int:
        """Rows of the matrix products."""
        return len(self.decode_rows) + sum(len(chunk.tokens) for chunk in self.prefill_chunks)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's outcome, in the batch's order."""

    logits: Any  #: [rows and chunks that want logits, vocab]; None without any
    pooled: tuple[Any, ...]  #: one [hidden] float64 sum for each chunk that wants it
    target_logits: tuple[Any, ...] = ()  #: [targets, vocab] logits for each chunk that has targets


class Runner(Protocol):
    """Computes a batch. Called by the engine thread only."""

    slots: int
    positions: int  #: tokens one slot can hold
    bytes_per_token: int  #: of cache
    #: Prompts are computed in chunks of this many tokens, cut from position 0.
    prefill_chunk_tokens: int
    #: True: a token gets the same bits in a prefill chunk, however the prompt is cut, and as a
    #: decode row. False: only where it is computed again in the same chunk or as a decode row.
    row_invariant: bool

    def run(self, batch: Batch) -> StepResult:
        """Compute and fill the cache."""

    def release(self, slot: int) -> None:
        """The slot's content is not needed any more."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy the cache's positions [start, end) from one slot to another."""


@dataclass(frozen=True, slots=True)
class SamplingInput:
    """All that the choice of one token depends on besides its logits."""

    params: SamplingParams
    seed: int
    choice: int  #: which of the request's `n`
    position: int  #: how many tokens were generated before
    seen: Set[int]  #: tokens of prompt and output, for the repetition penalty
    counts: Mapping[int, int] = field(default_factory=dict)  #: of the output's tokens
    allowed: Any = None  #: bool array [vocab] of the tokens a schema lets follow; None: all


@dataclass(frozen=True, slots=True)
class SampledToken:
    """The chosen token; `token_id` -1 when the logits were not numbers."""

    token_id: int
    logprob: TokenLogprob | None = None


class Sampler(Protocol):
    """Chooses one token per row of logits. Called by the engine thread only."""

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        """One sampled for each row, which depends on that row alone."""

    def beam_step(
        self,
        logits: Any,
        inputs: list[SamplingInput],
        scores: list[float],
        count: int,
        min_tokens_to_keep: int,
    ) -> list[BeamCandidate]:
        """At most `count` continuations of one prompt's beams, best or first drawn first;
        none when the logits are not numbers. scores: the beams' so far; min_tokens_to_keep:
        tokens of each beam that no parameter may remove."""

    def logprobs_of(self, logits: Any, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        """The log-probability of one given token for each row."""
