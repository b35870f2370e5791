"""The torch runner: a batch of token ids in, logits and pooled hidden states out.

It implements `engine.batch.Runner`, the interface for other backends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import rms_norm

from app.engine.batch import Batch, OutputKind, StepResult
from app.model.out_of_memory import raises_memory_error
from app.model.stages import Observer, no_observer
from app.model.weights import Weights

#: Small, so that a chunk adds little to the latency of the decode rows in the same step. The
#: chunks of a step share one GEMM per layer, so small chunks are not slower.
PREFILL_CHUNK_TOKENS = 16


class Cache(Protocol):
    """A KV cache with a slot per sequence."""

    slots: int
    positions: int  #: capacity of a slot in tokens
    bytes_per_token: int
    dtype: torch.dtype

    def release(self, slot: int) -> None:
        """Return a slot's memory to the operating system."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy positions [start, end) of all layers from one slot to another."""


class Decoder(Protocol):
    """The layers of a model, with its KV cache."""

    row_invariant: bool  #: see `engine.batch.Runner`

    def run(
        self,
        batch: Batch,
        tokens: Tensor,
        slots: Tensor,
        positions: Tensor,
        observe: Observer = no_observer,
    ) -> Tensor:
        """Run a step and fill the cache.

        tokens, slots, positions: int64 [rows], decode rows first, then the chunks'. Returns
        hidden states before the final norm, [rows, hidden], valid until the next step.
        observe: called with every stage's result; this makes the step slower.
        """

    def logits(self, hidden: Tensor) -> Tensor:
        """Final norm and lm_head of at most a step's rows: [rows, hidden] -> float32
        [rows, vocab]."""


class TorchRunner:
    """Runs batches on all devices over which the weights are distributed. Used by the engine
    thread only."""

    def __init__(
        self,
        weights: Weights,
        cache: Cache,
        decoder: Decoder,
        vocab_size: int,
        untrained: Sequence[int] = (),
    ) -> None:
        """vocab_size: of the tokenizer. Ids from it on, and those in `untrained`, get the logit
        -inf, so they are never sampled."""
        self.slots, self.positions = cache.slots, cache.positions
        self.bytes_per_token, self.kv_cache_dtype = cache.bytes_per_token, cache.dtype
        self.prefill_chunk_tokens = PREFILL_CHUNK_TOKENS
        self.row_invariant = decoder.row_invariant
        self.weights, self._cache, self.vocab_size = weights, cache, vocab_size
        self.decoder = decoder
        end = weights.lm_head_norm.device
        self._untrained = torch.tensor(untrained, device=end) if untrained else None

    @raises_memory_error
    @torch.inference_mode()
    def run(self, batch: Batch, observe: Observer = no_observer) -> StepResult:
        """Compute a batch whose rows are in slot order. observe: see `Decoder.run`."""
        weights = self.weights
        ids = [row.token for row in batch.decode_rows]
        slots = [row.slot for row in batch.decode_rows]
        positions = [row.position for row in batch.decode_rows]
        for chunk in batch.prefill_chunks:
            ids += chunk.tokens
            slots += [chunk.slot] * len(chunk.tokens)
            positions += range(chunk.start, chunk.start + len(chunk.tokens))
        integers = torch.tensor((ids, slots, positions)).to(weights.device)
        hidden = self.decoder.run(batch, integers[0], integers[1], integers[2], observe)
        hidden = hidden.to(weights.lm_head_norm.device)
        return StepResult(
            self._logits(batch, hidden), self._pooled(batch, hidden), self._scored(batch, hidden)
        )

    def release(self, slot: int) -> None:
        """Return a slot's memory to the operating system."""
        self._cache.release(slot)

    @torch.inference_mode()
    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy the cache's positions [start, end) from one slot to another."""
        self._cache.copy(source, target, start, end)

    def _logits(self, batch: Batch, hidden: Tensor) -> Tensor | None:
        """float32 [rows and chunks that want logits, vocab]."""
        wanted = [index for index, row in enumerate(batch.decode_rows) if row.needs_logits]
        end = len(batch.decode_rows)
        for chunk in batch.prefill_chunks:
            end += len(chunk.tokens)
            if chunk.output is OutputKind.LOGITS:
                wanted.append(end - 1)
        if not wanted:
            return None
        if len(wanted) < len(hidden):
            hidden = hidden[torch.tensor(wanted, device=hidden.device)]
        return self._lm_head(hidden)

    def _scored(self, batch: Batch, hidden: Tensor) -> tuple[Tensor, ...]:
        """float32 [targets, vocab] of each chunk with targets; one GEMM per chunk, because the
        logits of a whole prompt could take gigabytes."""
        scored = []
        first = len(batch.decode_rows)
        for chunk in batch.prefill_chunks:
            if chunk.logprob_targets:
                scored.append(self._lm_head(hidden[first : first + len(chunk.logprob_targets)]))
            first += len(chunk.tokens)
        return tuple(scored)

    def _lm_head(self, hidden: Tensor) -> Tensor:
        logits = self.decoder.logits(hidden)
        if logits.shape[-1] > self.vocab_size:
            logits[:, self.vocab_size :] = float("-inf")
        if self._untrained is not None:
            logits.index_fill_(1, self._untrained, float("-inf"))
        return logits

    def _pooled(self, batch: Batch, hidden: Tensor) -> tuple[Tensor, ...]:
        pooled = []
        first = len(batch.decode_rows)
        for chunk in batch.prefill_chunks:
            last = first + len(chunk.tokens)
            if chunk.output is OutputKind.POOLED:
                rows = hidden[first:last]
                normed = rms_norm(
                    rows, rows.shape[-1:], self.weights.norm, self.weights.config.norm_eps
                )
                pooled.append(normed.double().sum(0).cpu())
            first = last
        return tuple(pooled)
