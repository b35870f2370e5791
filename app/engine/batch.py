"""What one engine step computes, and what comes back: the seam below which a runner lives.

Knows nothing about requests, text or torch; integers and opaque tensors only.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from app.engine.beam_search import Candidate
from app.engine.types import SamplingParams, TokenIds, TokenLogprob


class Want(Enum):
    """What a tile's caller needs besides the cache being filled."""

    NOTHING = 0
    LOGITS = 1  #: of the tile's last token
    POOL = 2  #: the sum of the tile's final hidden states


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One token of a running sequence, at `position`."""

    slot: int
    position: int
    token: int
    wants_logits: bool  #: False while a preempted sequence's own tokens are replayed


@dataclass(frozen=True, slots=True)
class Tile:
    """A chunk of a prompt, cut at multiples of `Runner.prefill_chunk_tokens`, so that its bits do
    not depend on the load."""

    slot: int
    start: int  #: position of the first token
    tokens: TokenIds
    want: Want
    targets: TokenIds = ()  #: the tokens to score its first rows against: each one's successor


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: decode rows and prompt tiles together."""

    rows: tuple[DecodeRow, ...]
    tiles: tuple[Tile, ...]

    @property
    def tokens(self) -> int:
        """Rows of the matrix products."""
        return len(self.rows) + sum(len(tile.tokens) for tile in self.tiles)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's outcome, in the batch's order."""

    logits: Any  #: [rows and tiles that want logits, vocab]; None without any
    pooled: tuple[Any, ...]  #: one [hidden] float64 sum for each tile that wants it
    scored: tuple[Any, ...] = ()  #: [targets, vocab] logits for each tile that has targets


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
class Draw:
    """All that the choice of one token depends on besides its logits."""

    params: SamplingParams
    seed: int
    choice: int  #: which of the request's `n`
    position: int  #: how many tokens were generated before
    seen: Set[int]  #: tokens of prompt and output, for the repetition penalty
    counts: Mapping[int, int] = field(default_factory=dict)  #: of the output's tokens
    allowed: Any = None  #: bool array [vocab] of the tokens a schema lets follow; None: all


@dataclass(frozen=True, slots=True)
class Pick:
    """The chosen token; `token_id` -1 when the logits were not numbers."""

    token_id: int
    logprob: TokenLogprob | None = None


class Sampler(Protocol):
    """Chooses one token per row of logits. Called by the engine thread only."""

    def pick(self, logits: Any, draws: list[Draw]) -> list[Pick]:
        """One pick for each row, which depends on that row alone."""

    def extend(
        self, logits: Any, draws: list[Draw], scores: list[float], count: int, least: int
    ) -> list[Candidate]:
        """At most `count` continuations of one prompt's beams, best or first drawn first;
        none when the logits are not numbers. scores: the beams' so far; least: tokens of each
        beam that no parameter may take away."""

    def score(self, logits: Any, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        """The log-probability of one given token for each row."""
