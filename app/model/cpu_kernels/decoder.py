"""The forward pass as a list of compiled stages: token ids in, final hidden states out.

It computes what `model/forward.py`, its reference, does. A step is one call that runs the stages
of all layers, without the GIL.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.engine.batch import Batch
from app.model.cpu_kernels.attention import attend
from app.model.cpu_kernels.attention_job import ATTENTION_JOB
from app.model.cpu_kernels.attention_work import AttentionWork
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.packed_int8_weights import (
    AnyPanelLinear,
    Int8PanelLinear,
    quantized_bytes,
)
from app.model.cpu_kernels.packed_weights import DTYPE_CODES, PanelLinear, new_output
from app.model.cpu_kernels.rmsnorm_swiglu import ROW_JOB, add_rms_norm, quantize_rows, swiglu
from app.model.cpu_kernels.rope_and_kv_write import rope_and_kv_write
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.linear import Linear
from app.model.rope import build_rope_table
from app.model.stages import Observer, StageName, no_observer
from app.model.weights import LayerWeights, Weights

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
        self._step = np.zeros(2, np.int64)  #: rows, blocks
        self._head = _panel_linear(weights.lm_head)
        self._head_rows = np.zeros(1, np.int64)
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
        if count > self._capacity:
            self._allocate(1 << (count - 1).bit_length())
        self._step[:] = count, self._attention.divide(batch)
        self._slots[:count] = slots
        self._positions[:count] = positions
        hidden = self._hidden[:count]
        hidden.copy_(self._weights.embedding[tokens])
        if observe is no_observer:
            self._program.run()
        else:
            self._run_observed(count, observe)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """See `runner.Decoder`."""
        hidden = hidden.contiguous()
        logits = new_output(len(hidden), self._head.panels)
        norm, gemm = self._head_stages
        self._head_rows[0] = len(hidden)
        norm.job["hidden"], gemm.job["y"] = hidden.data_ptr(), logits.data_ptr()
        self._head_program.run()
        return logits[:, : self._head.outputs]

    def _run_observed(self, count: int, observe: Observer) -> None:
        """Run the stages one at a time and pass each result to `observe`."""
        for layer, name, stage, out in self._stages:
            Program([stage]).run()
            observe(layer, name, out[:count])
            if stage.job.dtype == ROW_JOB and stage.job["quantized"][0]:
                width = quantized_bytes(int(stage.job["width"][0]))
                observe(layer, name, self._quantized[:count, :width])

    def _allocate(self, capacity: int) -> None:
        """Allocate buffers for `capacity` rows, and build the stages that use them."""
        self._capacity = capacity
        config = self._weights.config
        qkv, _, gate_up, down = _linears(self._weights.layers[0])
        mlp_width = down.inputs
        width = config.heads * config.head_dim
        self._slots = torch.zeros(capacity, dtype=torch.int64)
        self._positions = torch.zeros(capacity, dtype=torch.int64)
        self._attention.reserve(capacity)
        self._hidden = torch.empty(capacity, config.hidden_size)
        self._normed = torch.empty(capacity, config.hidden_size + ROW_PADDING)
        self._qkv = new_output(capacity, qkv.panels)
        self._attended = torch.empty(capacity, width + ROW_PADDING)
        self._delta = new_output(capacity, down.panels)
        self._gate_up = new_output(capacity, gate_up.panels)
        self._gated = torch.empty(capacity, mlp_width + ROW_PADDING)
        # 8-bit inputs of the next GEMM, as wide as the widest of them
        widest = quantized_bytes(max(config.hidden_size, width, mlp_width))
        self._quantized = torch.empty(capacity, widest + 4 * ROW_PADDING, dtype=torch.uint8)
        self._biases: list[Tensor] = []
        #: layer index, name, stage and its result [capacity, ...], in order of execution
        self._stages: list[tuple[int, StageName, KernelStage, Tensor]] = []
        for index, weights in enumerate(self._weights.layers):
            self._stages += [(index, *stage) for stage in self._layer(index, weights)]
        residual = self._norm_stage(self._delta, None, False)
        self._stages.append((config.layers - 1, StageName.RESIDUAL, residual, self._hidden))
        self._program = Program([stage for _, _, stage, _ in self._stages])
        self._allocate_head()

    def _allocate_head(self) -> None:
        """Build the stages of the final norm and lm_head; `logits` sets their rows, the norm's
        input and the GEMM's output."""
        weights, head = self._weights, self._head
        norm = self._norm_stage(None, weights.lm_head_norm, head.eight_bit)
        norm.job["rows"] = self._head_rows.ctypes.data
        source = self._quantized if head.eight_bit else self._normed
        output = new_output(1, head.panels)  # replaced
        gemm = head.stage(self._head_rows.ctypes.data, source, output, None)
        self._head_stages = norm, gemm
        self._head_program = Program(self._head_stages)

    def _layer(
        self, index: int, layer: LayerWeights
    ) -> list[tuple[StageName, KernelStage, Tensor]]:
        """The stages of one layer, each with its name and its result."""
        job, attended = self._attention_job(index, layer), self._attended[:, :-ROW_PADDING]
        qkv, o_proj, gate_up, down = _linears(layer)
        delta = self._delta if index else None
        normed, gated = self._normed[:, :-ROW_PADDING], self._gated[:, :-ROW_PADDING]
        projected, delta_out = self._qkv[:, :-ROW_PADDING], self._delta[:, :-ROW_PADDING]
        norm = self._norm_stage(delta, layer.attention_norm, qkv.eight_bit)
        stages = [
            (StageName.ATTENTION_NORM, norm, normed),
            (
                StageName.QKV,
                self._gemm(qkv, self._normed, self._qkv, layer.qkv_proj_bias),
                projected,
            ),
            (StageName.ROPE, KernelStage(rope_and_kv_write, job), projected),
            (StageName.ATTENTION, KernelStage(attend, job), attended),
        ]
        if o_proj.eight_bit:
            rounding = self._row_stage(quantize_rows, self._attended, self._attended, True)
            stages.append((StageName.ROUNDING, rounding, attended))
        projection = self._gemm(o_proj, self._attended, self._delta, layer.o_proj_bias)
        norm = self._norm_stage(self._delta, layer.mlp_norm, gate_up.eight_bit)
        gemm_up = self._gemm(gate_up, self._normed, self._gate_up, layer.gate_up_proj_bias)
        activation = self._row_stage(swiglu, self._gate_up, self._gated, down.eight_bit)
        gemm_down = self._gemm(down, self._gated, self._delta, layer.down_proj_bias)
        return [
            *stages,
            (StageName.O_PROJ, projection, delta_out),
            (StageName.MLP_NORM, norm, normed),
            (StageName.GATE_UP, gemm_up, self._gate_up[:, :-ROW_PADDING]),
            (StageName.SWIGLU, activation, gated),
            (StageName.DOWN, gemm_down, delta_out),
        ]

    def _gemm(
        self, linear: AnyPanelLinear, x: Tensor, y: Tensor, bias: Tensor | None
    ) -> KernelStage:
        if bias is not None:
            bias = pad(bias, (0, linear.panels * PANEL - len(bias)))
            self._biases.append(bias)
        source = self._quantized if linear.eight_bit else x
        return linear.stage(self._step.ctypes.data, source, y, bias)

    def _norm_stage(
        self, delta: Tensor | None, norm: Tensor | None, eight_bit: bool
    ) -> KernelStage:
        stage = self._row_stage(add_rms_norm, delta, self._normed, eight_bit)
        stage.job["hidden"] = self._hidden.data_ptr()
        stage.job["epsilon"] = self._weights.config.norm_eps
        if norm is not None:
            stage.job["norm"] = norm.data_ptr()
        return stage

    def _row_stage(
        self, kernel: object, x: Tensor | None, out: Tensor, eight_bit: bool
    ) -> KernelStage:
        job = np.zeros(1, ROW_JOB)
        job["rows"], job["width"] = self._step.ctypes.data, out.shape[1] - ROW_PADDING
        if x is not None:
            job["x"], job["stride"] = x.data_ptr(), x.shape[1]
        job["out"], job["out_stride"] = out.data_ptr(), out.shape[1]
        if eight_bit:
            job["quantized"] = self._quantized.data_ptr()
            job["quantized_stride"] = self._quantized.shape[1]
        return KernelStage(kernel, job)

    def _attention_job(self, index: int, layer: LayerWeights) -> np.ndarray:
        config, cache = self._weights.config, self._cache.layer(index)
        job = np.zeros(1, ATTENTION_JOB)
        job["rows"] = self._step.ctypes.data
        job["qkv"], job["stride"] = self._qkv.data_ptr(), self._qkv.shape[1]
        job["slots"], job["positions"] = self._slots.data_ptr(), self._positions.data_ptr()
        job["cache"], job["slot_stride"] = cache.data_ptr(), cache.stride(0)
        job["kind"] = DTYPE_CODES[cache.dtype]
        job["capacity"], job["padded_dim"] = self._cache.positions, self._cache.padded_dim
        job["heads"], job["kv_heads"] = config.heads, config.kv_heads
        job["head_dim"], job["window"] = config.head_dim, layer.window or 0
        job["cos"], job["sin"] = self._rope.cos.data_ptr(), self._rope.sin.data_ptr()
        job["q_norm"] = 0 if layer.q_norm is None else layer.q_norm.data_ptr()
        job["k_norm"] = 0 if layer.k_norm is None else layer.k_norm.data_ptr()
        job["epsilon"] = config.norm_eps
        job["out"], job["out_stride"] = self._attended.data_ptr(), self._attended.shape[1]
        self._attention.fill(job)
        return job


def _linears(layer: LayerWeights) -> list[AnyPanelLinear]:
    """A layer's linear layers, in order of execution."""
    linears = (layer.qkv_proj, layer.o_proj, layer.gate_up_proj, layer.down_proj)
    return [_panel_linear(linear) for linear in linears]


def _panel_linear(linear: Linear) -> AnyPanelLinear:
    assert isinstance(linear, PanelLinear | Int8PanelLinear)
    return linear
