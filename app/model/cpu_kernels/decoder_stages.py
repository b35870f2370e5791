"""Builds the stages of a step: each layer's kernels with their jobs."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.attention import attend
from app.model.cpu_kernels.attention_job import ATTENTION_JOB
from app.model.cpu_kernels.attention_work import AttentionWork
from app.model.cpu_kernels.decoder_buffers import DecoderBuffers, panel_linears
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.packed_weights import DTYPE_CODES
from app.model.cpu_kernels.quantized_linear import AnyPanelLinear
from app.model.cpu_kernels.rmsnorm_swiglu import (
    ROW_JOB,
    add_rms_norm,
    quantize_rows,
    swiglu,
)
from app.model.cpu_kernels.rope_and_kv_write import rope_and_kv_write
from app.model.cpu_kernels.thread_pool import KernelStage
from app.model.rope import RopeTable
from app.model.stages import StageName
from app.model.weights import LayerWeights, Weights


class DecoderStages:
    """Stages that read and write one set of buffers. Must be kept while they are used."""

    def __init__(
        self,
        weights: Weights,
        cache: PanelCache,
        rope: RopeTable,
        attention: AttentionWork,
        buffers: DecoderBuffers,
    ) -> None:
        self._weights, self._cache, self._rope = weights, cache, rope
        self._attention, self.buffers = attention, buffers
        self._biases: list[Tensor] = []

    def all_layers(self) -> list[tuple[int, StageName, KernelStage, Tensor]]:
        """Layer index, name, stage and its result [capacity, ...], in order of execution."""
        stages = []
        for index, weights in enumerate(self._weights.layers):
            stages += [(index, *stage) for stage in self.layer(index, weights)]
        residual = self._norm_stage(self.buffers.delta, None, False)
        last = self._weights.config.layers - 1
        return [*stages, (last, StageName.RESIDUAL, residual, self.buffers.hidden)]

    def layer(self, index: int, layer: LayerWeights) -> list[tuple[StageName, KernelStage, Tensor]]:
        """The stages of one layer, each with its name and its result."""
        buffers = self.buffers
        job, attended = self._attention_job(index, layer), buffers.attended[:, :-ROW_PADDING]
        qkv, o_proj, gate_up, down = panel_linears(layer)
        delta = buffers.delta if index else None
        normed, gated = buffers.normed[:, :-ROW_PADDING], buffers.gated[:, :-ROW_PADDING]
        projected = buffers.qkv[:, :-ROW_PADDING]
        delta_out = buffers.delta[:, :-ROW_PADDING]
        norm = self._norm_stage(delta, layer.attention_norm, qkv.quantized_inputs)
        stages = [
            (StageName.ATTENTION_NORM, norm, normed),
            (
                StageName.QKV,
                self._gemm(qkv, buffers.normed, buffers.qkv, layer.qkv_proj_bias),
                projected,
            ),
            (StageName.ROPE, KernelStage(rope_and_kv_write, job), projected),
            (StageName.ATTENTION, KernelStage(attend, job), attended),
        ]
        if o_proj.quantized_inputs:
            rounding = self._row_stage(quantize_rows, buffers.attended, buffers.attended, True)
            stages.append((StageName.ROUNDING, rounding, attended))
        projection = self._gemm(o_proj, buffers.attended, buffers.delta, layer.o_proj_bias)
        norm = self._norm_stage(buffers.delta, layer.mlp_norm, gate_up.quantized_inputs)
        gemm_up = self._gemm(gate_up, buffers.normed, buffers.gate_up, layer.gate_up_proj_bias)
        activation = self._row_stage(swiglu, buffers.gate_up, buffers.gated, down.quantized_inputs)
        gemm_down = self._gemm(down, buffers.gated, buffers.delta, layer.down_proj_bias)
        return [
            *stages,
            (StageName.O_PROJ, projection, delta_out),
            (StageName.MLP_NORM, norm, normed),
            (StageName.GATE_UP, gemm_up, buffers.gate_up[:, :-ROW_PADDING]),
            (StageName.SWIGLU, activation, gated),
            (StageName.DOWN, gemm_down, delta_out),
        ]

    def _gemm(
        self, linear: AnyPanelLinear, x: Tensor, y: Tensor, bias: Tensor | None
    ) -> KernelStage:
        if bias is not None:
            bias = pad(bias, (0, linear.panels * PANEL - len(bias)))
            self._biases.append(bias)
        source = self.buffers.quantized if linear.quantized_inputs else x
        return linear.stage(self.buffers.step.ctypes.data, source, y, bias)

    def _norm_stage(
        self, delta: Tensor | None, norm: Tensor | None, eight_bit: bool
    ) -> KernelStage:
        stage = self._row_stage(add_rms_norm, delta, self.buffers.normed, eight_bit)
        stage.job["hidden"] = self.buffers.hidden.data_ptr()
        stage.job["epsilon"] = self._weights.config.norm_eps
        if norm is not None:
            stage.job["norm"] = norm.data_ptr()
        return stage

    def _row_stage(
        self, kernel: object, x: Tensor | None, out: Tensor, eight_bit: bool
    ) -> KernelStage:
        job = np.zeros(1, ROW_JOB)
        job["rows"], job["width"] = self.buffers.step.ctypes.data, out.shape[1] - ROW_PADDING
        if x is not None:
            job["x"], job["stride"] = x.data_ptr(), x.shape[1]
        job["out"], job["out_stride"] = out.data_ptr(), out.shape[1]
        if eight_bit:
            job["quantized"] = self.buffers.quantized.data_ptr()
            job["quantized_stride"] = self.buffers.quantized.shape[1]
        return KernelStage(kernel, job)

    def _attention_job(self, index: int, layer: LayerWeights) -> np.ndarray:
        buffers = self.buffers
        config, cache = self._weights.config, self._cache.layer(index)
        job = np.zeros(1, ATTENTION_JOB)
        job["rows"] = buffers.step.ctypes.data
        job["qkv"], job["stride"] = buffers.qkv.data_ptr(), buffers.qkv.shape[1]
        job["slots"], job["positions"] = (
            buffers.slots.data_ptr(),
            buffers.positions.data_ptr(),
        )
        job["cache"], job["slot_stride"] = cache.data_ptr(), cache.stride(0)
        job["kind"] = DTYPE_CODES[cache.dtype]
        job["capacity"], job["padded_dim"] = self._cache.positions, self._cache.padded_dim
        job["heads"], job["kv_heads"] = config.heads, config.kv_heads
        job["head_dim"], job["window"] = config.head_dim, layer.window or 0
        job["cos"], job["sin"] = self._rope.cos.data_ptr(), self._rope.sin.data_ptr()
        job["q_norm"] = 0 if layer.q_norm is None else layer.q_norm.data_ptr()
        job["k_norm"] = 0 if layer.k_norm is None else layer.k_norm.data_ptr()
        job["epsilon"] = config.norm_eps
        job["out"], job["out_stride"] = (
            buffers.attended.data_ptr(),
            buffers.attended.shape[1],
        )
        self._attention.fill(job)
        return job
