"""Every instruction set gives the same bits, on this CPU as far as it has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from numba import njit
from torch import Tensor

from app.checkpoint.hardware import cpu_features
from app.model.cpu_kernels.float_microkernel import FLOAT16, float_loops
from app.model.cpu_kernels.instruction_sets import INSTRUCTION_SETS, Blocking, InstructionSet
from app.model.cpu_kernels.int4_microkernel import int4_loops
from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    PANEL_GROUP_BYTES,
    int8_loops,
)
from app.model.cpu_kernels.packed_int4_weights import Int4PanelLinear
from app.model.cpu_kernels.packed_int8_weights import Int8PanelLinear, pack_groups
from app.model.cpu_kernels.packed_weights import PanelLinear, to_panels
from app.model.cpu_kernels.quantized_linear import quantize

OUTPUTS, INPUTS, ROWS = 32, 96, 5
#: With AVX-512 VNNI, LLVM encodes AVX-VNNI's instruction with AVX-512's prefix.
ENOUGH = cpu_features.INSTRUCTION_SETS | {"AVX-VNNI": cpu_features.INSTRUCTION_SETS["AVX-512 VNNI"]}
HERE = [name for name, needed in ENOUGH.items() if needed <= cpu_features.features()]
#: Fewer rows than in use, so that it compiles in less time; they take 1, 2 and 4 vectors.
FEW = {"AVX-512 VNNI": 24, "AVX-512": 20, "AVX-VNNI": 12, "AVX2": 10}


def compiled(loops: Any) -> Callable[..., None]:
    """A micro-kernel as a function of seven integers."""
    return njit(lambda rows, panel, x, x_stride, y, y_stride, steps: loops(
        rows, panel, x, x_stride, y, y_stride, steps))  # fmt: skip


def product(kernel: Callable[..., None], panel: Tensor, x: Tensor, steps: int) -> Tensor:
    """x times one panel."""
    y = torch.empty(len(x), OUTPUTS)
    strides = x.stride(0) * x.element_size(), 4 * OUTPUTS
    kernel(len(x), panel.data_ptr(), x.data_ptr(), strides[0], y.data_ptr(), strides[1], steps)
    return y


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(OUTPUTS, INPUTS, generator=generator), torch.randn(
        ROWS, INPUTS, generator=generator
    )


def with_few_rows(name: str) -> InstructionSet:
    blocking = Blocking(ROWS, FEW[name])
    return replace(INSTRUCTION_SETS[name], int8_blocking=blocking, float_blocking=blocking)


@pytest.mark.parametrize("name", HERE)
def test_8_bit_products(name: str) -> None:
    isa, (weight, x) = with_few_rows(name), data()
    panel = torch.empty(1, INPUTS // GROUP, PANEL_GROUP_BYTES, dtype=torch.uint8)
    pack_groups(weight, panel, isa.zero_point)
    quantized, kernel = quantize(x), compiled(int8_loops(isa))
    expected = Int8PanelLinear(weight)(x)
    assert (expected - x @ weight.T).abs().max() < 0.3
    for count in range(1, ROWS + 1):
        found = product(kernel, panel, quantized[:count], INPUTS // GROUP)
        assert found.equal(expected[:count])


@pytest.mark.parametrize("name", HERE)
def test_4_bit_products(name: str) -> None:
    isa, (weight, x) = with_few_rows(name), data()
    panel = torch.empty(1, INPUTS // GROUP, Int4PanelLinear.group_bytes, dtype=torch.uint8)
    Int4PanelLinear.pack(weight, panel)
    quantized, kernel = quantize(x), compiled(int4_loops(isa))
    expected = Int4PanelLinear(weight)(x)
    assert (expected - x @ weight.T).abs().max() < 4
    for count in range(1, ROWS + 1):
        found = product(kernel, panel, quantized[:count], INPUTS // GROUP)
        assert found.equal(expected[:count])


@pytest.mark.parametrize("name", HERE)
def test_float_products(name: str) -> None:
    isa, (weight, x) = with_few_rows(name), data()
    kernel, panel = compiled(float_loops(isa, FLOAT16)), to_panels(weight.half())
    expected = PanelLinear(weight.half())(x)
    for count in range(1, ROWS + 1):
        assert product(kernel, panel, x[:count], INPUTS).equal(expected[:count])


def test_every_instruction_set_has_its_record() -> None:
    assert list(INSTRUCTION_SETS) == list(cpu_features.INSTRUCTION_SETS)
