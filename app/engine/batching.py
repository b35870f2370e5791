"""A sequence's part of a batch: its newest token as a row, or its prompt's next chunks.

Knows nothing about other sequences or budgets.
"""

from __future__ import annotations

from app.engine.batch import DecodeRow, OutputKind, PrefillChunk
from app.engine.sequence import Sequence


def row_of(sequence: Sequence) -> DecodeRow:
    """The next token to compute of a sequence whose prompt is in the cache."""
    position = sequence.num_computed_tokens
    newest = position == len(sequence.tokens) - 1
    return DecodeRow(sequence.slot, position, sequence.tokens[position], newest)


def tiles_of(sequence: Sequence, budget: int, size: int) -> list[PrefillChunk]:
    """The next chunks of a prompt: at least one, and more while `budget` tokens are not reached.
    size: tokens of the grid they are cut on."""
    chunks, start = [], sequence.num_computed_tokens
    last = min(sequence.prompt_length, start + budget)
    while start < last:
        end = min(start + size, sequence.prompt_length)
        chunks.append(_tile(sequence, start, end))
        start = end
    return chunks


def _tile(sequence: Sequence, start: int, end: int) -> PrefillChunk:
    tokens = tuple(sequence.tokens[start:end])
    if sequence.detokenizer is None:
        return PrefillChunk(sequence.slot, start, tokens, OutputKind.POOLED)
    # a preempted answer's first tokens are known already, and its prompt's scores were told
    new = sequence.num_generated_tokens == 0
    asks = new and end == sequence.prompt_length and sequence.max_tokens > 0
    targets: tuple[int, ...] = ()
    if new and sequence.prompt_logprobs is not None:
        targets = tuple(sequence.tokens[start + 1 : min(end + 1, sequence.prompt_length)])
    return PrefillChunk(
        sequence.slot, start, tokens, OutputKind.LOGITS if asks else OutputKind.NONE, targets
    )
