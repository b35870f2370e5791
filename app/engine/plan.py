"""What a step computes, as the scheduler plans it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.engine.batch import Batch, PrefillChunk
from app.engine.cache_slots import CacheOp
from app.engine.sequence import Sequence
from app.engine.step_time import StepLoad


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch, and the sequences of its rows and chunks, in their order."""

    batch: Batch
    decode_sequences: tuple[Sequence, ...]
    prefill_sequences: tuple[Sequence, ...]  #: repeated where a prompt has several chunks
    cache_ops: tuple[CacheOp, ...]  #: to be done first, in this order
    load: StepLoad

    @property
    def prefilled(self) -> Iterator[tuple[Sequence, PrefillChunk]]:
        """Each prefill chunk with its sequence."""
        return zip(self.prefill_sequences, self.batch.prefill_chunks, strict=True)

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        """The sequences of all rows and chunks."""
        return (*self.decode_sequences, *self.prefill_sequences)
