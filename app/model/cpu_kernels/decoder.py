"""The forward pass as a list of compiled stages: token ids in, final hidden states out.

It computes what `model/forward.py`, its reference, does. A step is one call that runs the stages
of all layers, without the GIL.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.batch import Batch
from app.model.cpu_kernels.attention_work import AttentionWork
from app.model.cpu_kernels.decoder_buffers import DecoderBuffers
from app.model.cpu_kernels.decoder_stages import DecoderStages
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.lm_head import CompiledHead
from app.model.cpu_kernels.quantized_linear import quantized_bytes
from app.model.cpu_kernels.rmsnorm_swiglu import ROW_JOB
from app.model.cpu_kernels.thread_pool import Program
from app.model.rope import build_rope_table
from app.model.stages import Observer, no_observer
from app.model.weights import Weights

#: Initial capacity of the buffers, in rows; a larger step reallocates them.
_FIRST_CAPACITY = 64


class CompiledDecoder:
    """The compiled forward pass of one model. Used by the engine thread only."""

    row_invariant = True  #: every kernel sums a row in a fixed order, see attention.py

    def __init__(self, weights: Weights, cache: PanelCache) -> None:
        self._weights, self._cache = weights, cache
        config = weights.config
        self._rope = build_rope_table(
            config.rope, config.head_dim, cache.positions, torch.float32, weights.device
        )
        self._attention = AttentionWork(config, cache, torch.get_num_threads())
        self._head = CompiledHead(weights)
        self._allocate(_FIRST_CAPACITY)

    def run(
        self,
        batch: Batch,
        tokens: Tensor,
        slots: Tensor,
        positions: Tensor,
        observe: Observer = no_observer,
    ) -> Tensor:
        """Run a step and fill the cache.

        tokens, slots, positions: int64 [rows], decode rows first. Returns hidden states before
        the final norm, float32 [rows, hidden]; the next step overwrites them.
        """
        count = len(tokens)
        if count > self._buffers.capacity:
            self._allocate(1 << (count - 1).bit_length())
        buffers = self._buffers
        buffers.step[:] = count, self._attention.divide(batch)
        buffers.slots[:count] = slots
        buffers.positions[:count] = positions
        hidden = buffers.hidden[:count]
        hidden.copy_(self._weights.embedding[tokens])
        if observe is no_observer:
            self._program.run()
        else:
            self._run_observed(count, observe)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """See `runner.Decoder`."""
        return self._head(hidden)

    def _run_observed(self, count: int, observe: Observer) -> None:
        """Run the stages one at a time and pass each result to `observe`."""
        for layer, name, stage, out in self._stages:
            Program([stage]).run()
            observe(layer, name, out[:count])
            if stage.job.dtype == ROW_JOB and stage.job["quantized"][0]:
                width = quantized_bytes(int(stage.job["width"][0]))
                observe(layer, name, self._buffers.quantized[:count, :width])

    def _allocate(self, capacity: int) -> None:
        """Allocate buffers for `capacity` rows, and build the stages that use them."""
        self._buffers = DecoderBuffers.allocate(self._weights, capacity)
        self._attention.reserve(capacity)
        builder = DecoderStages(
            self._weights, self._cache, self._rope, self._attention, self._buffers
        )
        self._builder = builder  # owns memory that the stages point to
        self._stages = builder.all_layers()
        self._program = Program([stage for _, _, stage, _ in self._stages])
