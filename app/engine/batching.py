"""A sequence's part of a batch: its newest token as a row, or its prompt's next tiles.

Knows nothing about other sequences or budgets.
"""

from __future__ import annotations

from app.engine.batch import DecodeRow, Tile, Want
from app.engine.sequence import Sequence


def row_of(sequence: Sequence) -> DecodeRow:
    """The next token to compute of a sequence whose prompt is in the cache."""
    position = sequence.computed
    newest = position == len(sequence.tokens) - 1
    return DecodeRow(sequence.slot, position, sequence.tokens[position], newest)


def tiles_of(sequence: Sequence, budget: int, size: int) -> list[Tile]:
    """The next tiles of a prompt: at least one, and more while `budget` tokens are not reached.
    size: tokens of the grid they are cut on."""
    tiles, start = [], sequence.computed
    last = min(sequence.prompt_length, start + budget)
    while start < last:
        end = min(start + size, sequence.prompt_length)
        tiles.append(_tile(sequence, start, end))
        start = end
    return tiles


def _tile(sequence: Sequence, start: int, end: int) -> Tile:
    tokens = tuple(sequence.tokens[start:end])
    if sequence.answer is None:
        return Tile(sequence.slot, start, tokens, Want.POOL)
    # a preempted answer's first tokens are known already, and its prompt's scores were told
    new = sequence.generated == 0
    asks = new and end == sequence.prompt_length and sequence.max_tokens > 0
    targets: tuple[int, ...] = ()
    if new and sequence.scores is not None:
        targets = tuple(sequence.tokens[start + 1 : min(end + 1, sequence.prompt_length)])
    return Tile(sequence.slot, start, tokens, Want.LOGITS if asks else Want.NOTHING, targets)
