"""One prompt on its way to one answer or one vector.

Knows nothing about other sequences but a beam search's; the scheduler moves it, the core feeds
it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.engine.batch import SamplingInput
from app.engine.detokenizer import Detokenizer
from app.engine.request_handle import RequestHandle
from app.engine.types import FinishReason, SamplingParams, TokenLogprob
from app.structured_output.json_constraint import JsonConstraint

if TYPE_CHECKING:
    from app.engine.beam_group import BeamGroup


@dataclass(slots=True, eq=False)
class Sequence:
    """Owned by the engine thread.

    The cache holds the first `computed` of `tokens`. Prompt tokens are computed in chunks,
    generated ones in decode rows; after a preemption both are computed again the same way,
    so that they get the same bits.
    """

    handle: RequestHandle
    index: int  #: which choice or input of its request
    tokens: list[int]
    prompt_length: int
    max_tokens: int = 0
    params: SamplingParams = field(default_factory=SamplingParams)
    seed: int = 0
    choice: int = 0
    ignore_eos: bool = False
    detokenizer: Detokenizer | None = None  #: None: an embedding
    num_computed_tokens: int = 0
    slot: int = -1  #: -1 while it waits
    pooled: Any = None  #: sum of final hidden states so far
    constraint: JsonConstraint | None = None  #: what a schema lets the answer be
    prompt_logprobs: int | None = None  #: alternatives per scored prompt token; None: no scores
    next_prompt_logprob: int = 1  #: where in the prompt the next score to tell belongs
    was_scheduled: bool = False  #: it has had a slot before
    seen: set[int] = field(default_factory=set)
    counts: dict[int, int] = field(default_factory=dict)
    last_token_at: float = 0.0
    prefix_registered: bool = False  #: its prompt's cache is there for others
    beam_group: BeamGroup | None = None  #: the beam search it belongs to

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.handle.owner.name

    @property
    def num_generated_tokens(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self.prompt_length

    @property
    def is_prefilling(self) -> bool:
        """True until the whole prompt is in the cache."""
        return self.num_computed_tokens < self.prompt_length

    @property
    def num_slots(self) -> int:
        """Slots it needs."""
        return self.beam_group.search.num_beams if self.beam_group else 1

    def expected_tokens(self, growth: int) -> int:
        """Tokens of cache it will probably need, at most `growth` of them for the answer. A
        beam search gets all it may need: it is never sent back to the queue."""
        if self.beam_group:
            return self.num_slots * (self.prompt_length + self.max_tokens)
        return max(len(self.tokens), self.prompt_length + min(self.max_tokens, growth))

    def append(
        self, token: int, eos_ids: Set[int], logprob: TokenLogprob | None = None
    ) -> tuple[str, FinishReason | None]:
        """Take the next token; returns the text that is certain now, and why it ends, if so."""
        answer = self.detokenizer
        assert answer is not None
        self.tokens.append(token)
        if self.params.repetition_penalty != 1.0:
            self.seen.add(token)
        self.counts[token] = self.counts.get(token, 0) + 1
        if token in eos_ids and not self.ignore_eos:
            return answer.finish()[0], FinishReason.STOP
        complete = False
        if self.constraint is not None:
            self.constraint.accept(token)
            complete = self.constraint.complete
        text, stopped = answer.push(token, logprob)
        if not stopped and (complete or self.num_generated_tokens >= self.max_tokens):
            rest, stopped = answer.finish()
            ended = stopped or complete
            return text + rest, FinishReason.STOP if ended else FinishReason.LENGTH
        return text, FinishReason.STOP if stopped else None

    def release_logprobs(self) -> tuple[TokenLogprob, ...]:
        """The logprobs that go with the text given out last."""
        return self.detokenizer.release_logprobs() if self.detokenizer else ()

    def sampling_input(self) -> SamplingInput:
        """What the sampler has to know to choose the next token."""
        allowed = self.constraint.allowed() if self.constraint else None
        return SamplingInput(
            self.params,
            self.seed,
            self.choice,
            self.num_generated_tokens,
            self.seen,
            self.counts,
            allowed,
        )
