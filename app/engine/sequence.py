"""The state of one sequence: a prompt and its answer, or an input to embed."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.engine.batch import SamplingInput
from app.engine.detokenizer import Detokenizer
from app.engine.events import FinishReason, TokenLogprob
from app.engine.reasoning_constraint import ReasoningConstraint
from app.engine.request_handle import RequestHandle
from app.structured_output.grammar_constraint import GrammarConstraint

if TYPE_CHECKING:
    from app.engine.beam_group import BeamGroup


@dataclass(slots=True, eq=False)
class Sequence:
    """Owned by the engine thread.

    The cache has the first `num_computed_tokens` of `tokens`. Prompt tokens are computed in
    prefill chunks, generated ones as decode rows. After a preemption both are computed again: in
    prefill chunks if the runner is row-invariant, else in the same way as before, so that they
    get the same bits.
    """

    handle: RequestHandle
    index: int  #: of the choice or input in its request
    tokens: list[int]
    prompt_length: int
    max_tokens: int = 0
    sampling: SamplingInput = field(default_factory=SamplingInput)
    end_ids: Set[int] = frozenset()  #: tokens that end it
    detokenizer: Detokenizer | None = None  #: None: an embedding
    num_computed_tokens: int = 0
    slot: int = -1  #: -1 while it waits
    pooled: Any = None  #: sum of the final hidden states so far, for an embedding
    constraint: GrammarConstraint | ReasoningConstraint | None = None  #: what the answer must match
    prompt_logprobs: int | None = None  #: alternatives per prompt token; None: no prompt logprobs
    next_prompt_logprob: int = 1  #: position in the prompt of the next logprob to send
    was_scheduled: bool = False  #: it has had a slot before
    last_token_at: float = 0.0  #: monotonic seconds
    replayed_tokens: int = 0  #: generated tokens that are prefilled again after a preemption
    expected_reuse: int = 0  #: tokens that are probably in the cache already, while it waits
    #: A running sequence that computes a prefix of this waiting one, and how long the prefix is.
    awaited_prefix: tuple[Sequence, int] | None = None
    beam_group: BeamGroup | None = None

    @property
    def owner(self) -> str:
        """Name of the request's owner."""
        return self.handle.owner.name

    @property
    def is_embedding(self) -> bool:
        """True when it ends with its prompt and yields a vector."""
        return self.detokenizer is None

    @property
    def num_generated_tokens(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self.prompt_length

    @property
    def computes_whole_prompt(self) -> bool:
        """True when nothing of its prompt may be reused, as each token has a result to return."""
        return self.is_embedding or self.prompt_logprobs is not None

    @property
    def prefill_length(self) -> int:
        """Tokens that are computed in prefill chunks."""
        return self.prompt_length + self.replayed_tokens

    @property
    def expected_prefill(self) -> int:
        """Tokens that are probably still to be computed in prefill chunks."""
        return self.prefill_length - max(self.num_computed_tokens, self.expected_reuse)

    @property
    def is_prefilling(self) -> bool:
        """True until the whole prompt is in the cache."""
        return self.num_computed_tokens < self.prefill_length

    @property
    def num_slots(self) -> int:
        """Slots it needs: for a beam search one per beam."""
        return self.beam_group.search.num_beams if self.beam_group else 1

    def expected_tokens(self, max_answer_tokens: int) -> int:
        """Tokens of cache it will probably need, a beam search for all its beams, with at most
        `max_answer_tokens` for each answer; for a beam search that was preempted, the maximum
        that it can need."""
        is_reserved = self.beam_group is not None and self.beam_group.reserved
        answer_tokens = self.max_tokens if is_reserved else min(self.max_tokens, max_answer_tokens)
        return self.num_slots * max(len(self.tokens), self.prompt_length + answer_tokens)

    @property
    def is_preemptible(self) -> bool:
        """True unless it is a beam search that was preempted before."""
        return self.beam_group is None or not self.beam_group.reserved

    def append(
        self, token: int, logprob: TokenLogprob | None = None
    ) -> tuple[str, FinishReason | None]:
        """Append a generated token. Returns the text that is now certain, and the finish reason
        if the answer ends here.

        Raises:
            ConstraintFailed: the grammar exceeded a limit.
        """
        detokenizer = self.detokenizer
        assert detokenizer is not None
        self.tokens.append(token)
        self.sampling.append(token)
        if token in self.end_ids:
            return detokenizer.finish()[0], FinishReason.STOP
        text, stopped = detokenizer.push(token, logprob)
        complete = False
        if self.constraint is not None:
            self.constraint.accept(token)
            complete = self.constraint.complete
        if not stopped and (complete or self.num_generated_tokens >= self.max_tokens):
            rest, stopped = detokenizer.finish()
            reason = FinishReason.STOP if stopped or complete else FinishReason.LENGTH
            return text + rest, reason
        return text, FinishReason.STOP if stopped else None

    @property
    def stop_string(self) -> str | None:
        """The stop string that has ended the answer; None: none has."""
        return self.detokenizer.stop_string if self.detokenizer else None

    def release_logprobs(self) -> tuple[TokenLogprob, ...]:
        """The logprobs of the text returned last."""
        return self.detokenizer.release_logprobs() if self.detokenizer else ()

    def take_reasoning(self) -> tuple[str, int]:
        """Text and tokens of the thinking that are new."""
        return self.detokenizer.take_reasoning() if self.detokenizer else ("", 0)

    def sampling_input(self) -> SamplingInput:
        """What the sampler needs for the next token. Raises ConstraintFailed."""
        if self.constraint is not None:
            self.sampling.allowed = self.constraint.allowed()
        return self.sampling
