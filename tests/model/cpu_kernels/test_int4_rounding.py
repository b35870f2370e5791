"""Weights in 4 bits: what is nearest, what is exact, and what cannot be rounded."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from app.model.cpu_kernels.int4_rounding import Int4Groups, round_to_int4
from app.model.cpu_kernels.int8_microkernel import GROUP
from app.model.cpu_kernels.packed_int4_weights import Int4PanelLinear


def matrix(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def dequantized(groups: Int4Groups) -> Tensor:
    """The reference: scale * (value - zero point)."""
    integers = groups.values.int() - groups.zero_points.int()[..., None]
    return (integers * groups.scales.float()[..., None]).flatten(1)


def squared_error(weight: Tensor, rounded: Tensor) -> float:
    return float((weight - rounded).pow(2).sum() / weight.pow(2).sum())


def q4_0(weight: Tensor) -> Tensor:
    """llama.cpp's: 8 is the zero point, and -8 the weight that is largest by magnitude."""
    blocks = weight.view(len(weight), -1, GROUP)
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))
    scales = (largest / -8).half().float()
    return ((blocks / scales + 8.5).floor().clamp(0, 15) - 8).mul(scales).flatten(1)


def q4_1(weight: Tensor) -> Tensor:
    """llama.cpp's: from the smallest weight to the largest."""
    blocks = weight.view(len(weight), -1, GROUP)
    low, high = blocks.amin(-1, keepdim=True), blocks.amax(-1, keepdim=True)
    scales, low = ((high - low) / 15).half().float(), low.half().float()
    return (((blocks - low) / scales).round().clamp(0, 15) * scales + low).flatten(1)


@pytest.mark.parametrize("skewed", [False, True])
def test_errors_are_smaller_than_those_of_llama_cpp(skewed: bool) -> None:
    """Q4_1 needs 5 bits a weight; ours are 4.625."""
    weight = matrix(256, 512) * 0.02
    weight = weight.abs() if skewed else weight
    error = squared_error(weight, dequantized(round_to_int4(weight)))
    assert error < squared_error(weight, q4_0(weight))
    assert error < squared_error(weight, q4_1(weight)) or skewed


def test_what_4_bits_can_hold_is_exact() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randint(0, 16, (8, 4, GROUP), generator=generator)
    values[..., :2] = torch.tensor([0, 15])
    zeros = torch.randint(0, 16, (8, 4), generator=generator)
    scales = 2.0 ** torch.randint(-8, 3, (8, 4), generator=generator)
    weight = ((values - zeros[..., None]) * scales[..., None]).flatten(1)
    assert dequantized(round_to_int4(weight)).equal(weight)


def test_a_group_of_zeros_and_one_that_is_not_finite() -> None:
    weight = matrix(2, 3 * GROUP)
    weight[0, :GROUP] = 0
    weight[1, GROUP] = float("nan")
    weight[1, 2 * GROUP] = float("inf")
    rounded = dequantized(round_to_int4(weight)).view(2, 3, GROUP)
    assert not rounded[0, 0].any()
    assert rounded[1, 1].isnan().all() and rounded[1, 2].isnan().all()
    assert rounded[0, 1:].isfinite().all() and rounded[1, 0].isfinite().all()


@pytest.mark.parametrize(("outputs", "inputs"), [(32, 64), (200, 48), (1, 4), (90, 170)])
def test_products_are_those_of_the_rounded_weights(outputs: int, inputs: int) -> None:
    """Inputs of 127 different integers, the largest in each group, are exact in 8 bits."""
    weight = matrix(outputs, inputs)
    padded = torch.nn.functional.pad(weight, (0, -inputs % GROUP))
    reference = dequantized(round_to_int4(padded))[:, :inputs]
    x = torch.randint(-127, 128, (37, inputs), generator=torch.Generator().manual_seed(2)).float()
    x[:, ::GROUP] = 127
    linear = Int4PanelLinear(weight)
    y, exact = linear(x), x.double() @ reference.double().T
    assert torch.allclose(y.double(), exact, rtol=0, atol=1e-6 * 127 * inputs)
    for count in (1, 2, 5, 12, 13, 24):
        assert linear(x[3 : 3 + count]).equal(y[3 : 3 + count])


def test_threads_and_neighbours_change_no_group() -> None:
    weight, before = matrix(700, 96), torch.get_num_threads()
    whole = round_to_int4(weight)
    torch.set_num_threads(1)
    part = round_to_int4(weight[33:70])
    torch.set_num_threads(before)
    for found, expected in zip(part, whole, strict=True):
        assert found.equal(expected[33:70])
