"""The parts of a batch that one sequence adds: a decode row, or prefill chunks of its prompt."""

from __future__ import annotations

from app.engine.batch import DecodeRow, OutputKind, PrefillChunk
from app.engine.sequence import Sequence


def decode_row(sequence: Sequence) -> DecodeRow:
    """The next token to compute of a sequence whose prompt is in the cache."""
    position = sequence.num_computed_tokens
    is_last = position == len(sequence.tokens) - 1
    return DecodeRow(sequence.slot, position, sequence.tokens[position], needs_logits=is_last)


def prefill_chunks(sequence: Sequence, budget: int, size: int) -> list[PrefillChunk]:
    """The next chunks of a prompt: one, and more until they have `budget` tokens.

    size: tokens of a chunk, `Runner.prefill_chunk_tokens`.
    """
    chunks, start = [], sequence.num_computed_tokens
    last = min(sequence.prompt_length, start + budget)
    while start < last:
        end = min(start + size, sequence.prompt_length)
        chunks.append(_chunk(sequence, start, end))
        start = end
    return chunks


def _chunk(sequence: Sequence, start: int, end: int) -> PrefillChunk:
    tokens = tuple(sequence.tokens[start:end])
    if sequence.is_embedding:
        return PrefillChunk(sequence.slot, start, tokens, OutputKind.POOLED)
    # After a preemption the first generated token and the prompt's logprobs are known already.
    is_first_run = sequence.num_generated_tokens == 0
    is_last_chunk = end == sequence.prompt_length
    needs_logits = is_first_run and is_last_chunk and sequence.max_tokens > 0
    targets: tuple[int, ...] = ()
    if is_first_run and sequence.prompt_logprobs is not None:
        targets = tuple(sequence.tokens[start + 1 : min(end + 1, sequence.prompt_length)])
    output = OutputKind.LOGITS if needs_logits else OutputKind.NONE
    return PrefillChunk(sequence.slot, start, tokens, output, targets)
