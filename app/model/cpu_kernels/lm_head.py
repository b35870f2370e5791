"""The final norm and lm_head of the compiled decoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from app.model.cpu_kernels.decoder_buffers import panel_linear
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.packed_weights import new_output
from app.model.cpu_kernels.quantized_linear import quantized_bytes
from app.model.cpu_kernels.rmsnorm_swiglu import (
    ROW_JOB,
    add_error_results,
    add_rms_norm,
    quantize_rows_and_errors,
)
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.weights import Weights


class CompiledHead:
    """Hidden states in, logits out.

    In 8 bits, lm_head's inputs have twice 8 bits, as two rows: nothing after it corrects its
    errors, and they cost as much quality as those of all MLPs (docs/lab-log.md).

    Used by the engine thread only.
    """

    def __init__(self, weights: Weights) -> None:
        self._linear = panel_linear(weights.lm_head)
        self._width = weights.config.hidden_size
        self._norm_weight = weights.lm_head_norm  # a job contains its address
        self._rows = np.zeros(2, np.int64)  #: of the norm and of the GEMM
        # Each call sets the addresses of its arrays.
        self._norm = self._row_stage(add_rms_norm, self._width)
        self._norm.job["norm"] = self._norm_weight.data_ptr()
        self._norm.job["epsilon"] = weights.config.norm_eps
        self._rounding = self._row_stage(quantize_rows_and_errors, self._width)
        empty = torch.empty(0, 0)
        self._gemm = self._linear.stage(self._rows[1:].ctypes.data, empty, empty, None)
        self._addition = self._row_stage(add_error_results, self._linear.panels * PANEL)
        quantized = [self._norm, self._rounding, self._gemm, self._addition]
        exact = [self._norm, self._gemm]
        self._program = Program(quantized if self._linear.quantized_inputs else exact)

    def __call__(self, hidden: Tensor) -> Tensor:
        """float32 [rows, hidden] -> float32 [rows, vocab]."""
        hidden, count = hidden.contiguous(), len(hidden)
        rows = 2 * count if self._linear.quantized_inputs else count
        self._rows[:] = count, rows
        inputs = normed = torch.empty(count, self._width + ROW_PADDING)
        if self._linear.quantized_inputs:
            inputs = torch.empty(rows, quantized_bytes(self._width), dtype=torch.uint8)
        logits = new_output(rows, self._linear.panels)
        norm, rounding, gemm, addition = (
            stage.job[0] for stage in (self._norm, self._rounding, self._gemm, self._addition)
        )
        norm["hidden"] = hidden.data_ptr()
        norm["out"] = rounding["x"] = normed.data_ptr()
        norm["out_stride"] = rounding["stride"] = normed.shape[1]
        rounding["quantized"] = gemm["x"] = inputs.data_ptr()
        rounding["quantized_stride"] = inputs.shape[1]
        gemm["x_stride"] = inputs.shape[1] * inputs.element_size()
        gemm["y"] = addition["x"] = logits.data_ptr()
        gemm["y_stride"] = addition["stride"] = logits.shape[1]
        self._program.run()
        return logits[:count, : self._linear.outputs]

    def _row_stage(self, kernel: object, width: int) -> KernelStage:
        job = np.zeros(1, ROW_JOB)
        job["rows"], job["width"] = self._rows.ctypes.data, width
        return KernelStage(kernel, job)
