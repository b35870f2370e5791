"""Checks at load that a row's bits do not depend on the rows computed with it.

The loaded model's own decoder computes a prefill chunk and a decode row, each alone, and then in
larger batches; their logits must be the same, bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk, StepResult
from app.model.differing_stage import differing_stage, same_logits
from app.model.runner import TorchRunner

log = logging.getLogger(__name__)

#: After this time no other batch is tried. The first three steps are computed in any case; on a
#: large model they take longer than this, as each reads all weights.
BUDGET_S = 0.15
#: Tokens of the first prefill chunk: few, for large models. The second has the runner's length.
FIRST_CHUNK = 5
#: What else is in the batch: decode rows of other sequences, and tokens of a second chunk. Kernels
#: change the order of their sums for few rows, and where rows do not fill a block.
OTHERS = ((6, 3), (1, 0), (2, 0), (0, 1), (3, 16), (12, 0), (30, 7))
#: Positions of the other rows, in the order of their slots: the first are near enough to the
#: row's own that torch's attention pads them to one length.
POSITIONS = (9, 30, 0, 200)


def batch_variant_kernel(
    runner: TorchRunner, on_step: Callable[[tuple[int, float]], None] = lambda step: None
) -> str | None:
    """The first kernel seen to give a row other bits when other rows are computed with it; None
    when all bits were the same. Logs a warning that names it.

    on_step: called with tokens and seconds of each step but the first, which also waits for page
    faults.

    For a runner without requests: slots of the cache are written, and released at the end.
    """
    began = time.perf_counter()
    try:
        kernel = _try_all(runner, began + BUDGET_S, on_step)
    finally:
        for slot in range(min(runner.slots, 2 + max(rows for rows, _ in OTHERS))):
            runner.release(slot)
    log.info("checked batch invariance in %.0f ms", 1000 * (time.perf_counter() - began))
    if kernel is not None:
        log.warning(
            "batch_invariant=no: %s gives a row other bits when other rows are computed with it; "
            "an answer may depend on the requests that run beside it",
            kernel,
        )
    return kernel


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A chunk, and the token after it as a decode row."""

    tokens: tuple[int, ...]  #: the chunk's, then the row's
    row_slot: int  #: the chunk is computed here alone, for the row
    chunk_slot: int  #: and here in larger batches: another slot, if there is one

    def chunk(self, slot: int) -> PrefillChunk:
        """With the logits of all its tokens."""
        tokens = self.tokens[:-1]
        return PrefillChunk(slot, 0, tokens, OutputKind.LOGITS, tokens[1:])

    @property
    def row(self) -> DecodeRow:
        """Needs the chunk in its slot."""
        return DecodeRow(self.row_slot, len(self.tokens) - 1, self.tokens[-1], True)

    def batch(self, runner: TorchRunner, rows: int, tokens: int) -> Batch:
        """Both, with other decode rows and a second chunk as far as the cache has room."""
        slots = [s for s in range(runner.slots) if s not in (self.row_slot, self.chunk_slot)]
        others = [
            DecodeRow(slot, min(POSITIONS[index % len(POSITIONS)], runner.positions - 1), 0, True)
            for index, slot in enumerate(slots[:rows])
        ]
        start = len(self.tokens)
        second = (self.tokens * (1 + tokens // start))[: min(tokens, runner.positions - start)]
        chunks = [self.chunk(self.chunk_slot)]
        if second:
            chunks.append(PrefillChunk(self.chunk_slot, start, second, OutputKind.NONE))
        ordered = sorted((*others, self.row), key=lambda row: row.slot)
        return Batch(tuple(ordered), tuple(chunks))


def _prompts(runner: TorchRunner) -> Iterator[_Prompt]:
    """A short one, and one as long as the runner's chunks; tokens from all over the vocabulary."""
    row_slot = min(2, runner.slots - 1)  # another row comes before it
    for length in (FIRST_CHUNK, min(runner.prefill_chunk_tokens, runner.positions - 1)):
        tokens = tuple(7919 * i % runner.vocab_size for i in range(1, length + 2))
        yield _Prompt(tokens, row_slot, chunk_slot=0)


def _try_all(
    runner: TorchRunner, deadline: float, on_step: Callable[[tuple[int, float]], None]
) -> str | None:
    """deadline: of time.perf_counter. The first batch is tried in any case."""

    def run(batch: Batch) -> StepResult:
        began = time.perf_counter()
        result = runner.run(batch)
        result.logits[0, 0].item()  # reading a result waits for the GPU
        on_step((batch.tokens, time.perf_counter() - began))
        return result

    for index, prompt in enumerate(_prompts(runner)):
        if index and time.perf_counter() > deadline:
            return None
        chunk, row = Batch((), (prompt.chunk(prompt.row_slot),)), Batch((prompt.row,), ())
        chunk_alone, row_alone = runner.run(chunk), run(row)
        for others in OTHERS:
            batched = prompt.batch(runner, *others)
            result = run(batched)
            at, end = batched.decode_rows.index(prompt.row), len(batched.decode_rows)
            if not same_logits(row_alone, result, at):
                return differing_stage(runner, row, batched, at)
            if not same_logits(chunk_alone, result, end):
                return differing_stage(runner, chunk, batched, end)
            if time.perf_counter() > deadline:
                return None
    return None
