"""The inputs and activations of a step of the compiled decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from app.model.cpu_kernels.microkernel import ROW_PADDING
from app.model.cpu_kernels.packed_weights import PanelLinear, new_output
from app.model.cpu_kernels.quantized_linear import (
    AnyPanelLinear,
    QuantizedPanelLinear,
    quantized_bytes,
)
from app.model.linear import Linear
from app.model.weights import LayerWeights, Weights


@dataclass(frozen=True, slots=True)
class DecoderBuffers:
    """For a number of rows; float32 where nothing else is said, with ROW_PADDING elements after
    each row but `hidden`'s."""

    step: np.ndarray  #: int64 [2]: rows and attention blocks of the step
    slots: Tensor  #: int64 [rows]
    positions: Tensor  #: int64 [rows]
    hidden: Tensor  #: the residual stream, [rows, hidden]
    normed: Tensor  #: [rows, hidden]
    qkv: Tensor
    attended: Tensor  #: [rows, heads * head_dim]
    delta: Tensor  #: what attention or MLP add to `hidden`
    gate_up: Tensor
    gated: Tensor  #: [rows, mlp width]
    quantized: Tensor  #: uint8: the next GEMM's inputs in 8 bits, as wide as the widest of them

    @classmethod
    def allocate(cls, weights: Weights, rows: int) -> DecoderBuffers:
        """Uninitialized, for at most this many rows."""
        config = weights.config
        qkv, _, gate_up, down = panel_linears(weights.layers[0])
        width = config.heads * config.head_dim
        widest = quantized_bytes(max(config.hidden_size, width, down.inputs))
        return cls(
            step=np.zeros(2, np.int64),
            slots=torch.zeros(rows, dtype=torch.int64),
            positions=torch.zeros(rows, dtype=torch.int64),
            hidden=torch.empty(rows, config.hidden_size),
            normed=torch.empty(rows, config.hidden_size + ROW_PADDING),
            qkv=new_output(rows, qkv.panels),
            attended=torch.empty(rows, width + ROW_PADDING),
            delta=new_output(rows, down.panels),
            gate_up=new_output(rows, gate_up.panels),
            gated=torch.empty(rows, down.inputs + ROW_PADDING),
            quantized=torch.empty(rows, widest + 4 * ROW_PADDING, dtype=torch.uint8),
        )

    @property
    def capacity(self) -> int:
        """Most rows of a step."""
        return len(self.slots)


def panel_linears(layer: LayerWeights) -> list[AnyPanelLinear]:
    """A layer's linear layers, in order of execution."""
    linears = (layer.qkv_proj, layer.o_proj, layer.gate_up_proj, layer.down_proj)
    return [panel_linear(linear) for linear in linears]


def panel_linear(linear: Linear) -> AnyPanelLinear:
    """A linear layer that was packed for the compiled decoder."""
    assert isinstance(linear, PanelLinear | QuantizedPanelLinear)
    return linear
