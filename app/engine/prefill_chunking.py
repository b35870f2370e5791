"""Where prompts may be cut into prefill chunks, and where a reused prefix of one may end.

If the runner is row-invariant, anywhere: a token has the same bits however it was computed. If
not, chunks are cut on a fixed grid, and only whole chunks of a prompt are reused, so that an
answer does not depend on the load, nor on whether its prompt was found in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.batch import DecodeRow, OutputKind, PrefillChunk, Runner
from app.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class PrefillChunking:
    """The rule for one runner."""

    chunk_tokens: int  #: `Runner.prefill_chunk_tokens`
    row_invariant: bool  #: `Runner.row_invariant`

    @classmethod
    def of(cls, runner: Runner) -> PrefillChunking:
        """The rule that a runner asks for."""
        return cls(runner.prefill_chunk_tokens, runner.row_invariant)

    def reusable(self, tokens: int) -> int:
        """How many of a prefix's `tokens` are reused. Fewer than a chunk, such as BOS alone, take
        less time to compute than to copy."""
        if self.row_invariant:
            return tokens if tokens >= self.chunk_tokens else 0
        return tokens // self.chunk_tokens * self.chunk_tokens

    def cached_tokens(self, sequence: Sequence) -> int:
        """How many of a running sequence's first tokens others may copy from its slot. Without
        row invariance not those of the answer: they were computed as decode rows."""
        if sequence.is_embedding:
            return 0
        computed = sequence.num_computed_tokens
        limit = len(sequence.tokens) if self.row_invariant else sequence.prompt_length
        return self.reusable(min(computed, limit))

    def grain(self, sequence: Sequence) -> int:
        """A chunk of a sequence has a multiple of this many tokens, unless it is the last."""
        anywhere = self.row_invariant and not sequence.computes_whole_prompt
        return 1 if anywhere else self.chunk_tokens

    def chunks(self, sequence: Sequence, tokens: int) -> list[PrefillChunk]:
        """The next `tokens` of a prompt as one chunk, or as the chunks of the grid.

        The grid also serves prompts that are computed as a whole. The hidden states of an
        embedding are added up chunk by chunk, and floating-point sums depend on the order; the
        logits of scored chunks are held in memory.
        """
        first = sequence.num_computed_tokens
        last = first + tokens
        size = tokens if self.grain(sequence) == 1 else self.chunk_tokens
        starts = range(first, last, size)
        return [_chunk(sequence, start, min(start + size, last)) for start in starts]


def decode_row(sequence: Sequence) -> DecodeRow:
    """The next token to compute of a sequence whose prompt is in the cache."""
    position = sequence.num_computed_tokens
    is_last = position == len(sequence.tokens) - 1
    return DecodeRow(sequence.slot, position, sequence.tokens[position], needs_logits=is_last)


def _chunk(sequence: Sequence, start: int, end: int) -> PrefillChunk:
    tokens = tuple(sequence.tokens[start:end])
    if sequence.is_embedding:
        return PrefillChunk(sequence.slot, start, tokens, OutputKind.POOLED)
    # After a preemption the tokens up to the last, and the prompt's logprobs, are known already.
    needs_logits = end == len(sequence.tokens) and sequence.max_tokens > 0
    targets: tuple[int, ...] = ()
    if sequence.prompt_logprobs is not None and not sequence.num_generated_tokens:
        targets = tuple(sequence.tokens[start + 1 : min(end + 1, sequence.prompt_length)])
    output = OutputKind.LOGITS if needs_logits else OutputKind.NONE
    return PrefillChunk(sequence.slot, start, tokens, output, targets)
