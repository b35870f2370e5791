"""The GPU's 8-bit layers, run on the CPU: bitsandbytes against the same sum in torch."""

from __future__ import annotations

import pytest
import torch

from app.model.int8_gpu import GpuInt8Linear


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_the_product_is_the_rounded_sum(dtype: torch.dtype, rows: int) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(96, 128).to(dtype), torch.randn(rows, 128).to(dtype)
    linear = GpuInt8Linear(weight)
    y = linear(x)
    assert y.dtype == dtype
    assert linear.nbytes == 96 * 128 + 96 * 4
    scale = weight.float().abs().amax(1, keepdim=True) / 127
    rounded = (weight.float() / scale).round() * scale
    assert torch.allclose(y.float(), x.float() @ rounded.T, rtol=1e-2, atol=1e-2)
    exact = x.float() @ weight.float().T
    assert (y.float() - exact).norm() / exact.norm() < 0.02


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    linear, x = GpuInt8Linear(torch.randn(64, 64)), torch.randn(20, 64)
    x[3] *= 1000
    assert torch.equal(linear(x)[5:6], linear(x[5:6]))


def test_outliers_cost_little() -> None:
    """With 8-bit inputs the error is 20 times as large."""
    torch.manual_seed(0)
    weight, x = torch.randn(32, 64), torch.randn(8, 64)
    x[:, 7] *= 50
    linear = GpuInt8Linear(weight)
    exact = x @ weight.T
    assert (linear(x) - exact).norm() / exact.norm() < 0.02
