"""Sums in an order that does not depend on the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.vector_sums import sum_of, sum_of_squares


@jit
def _sums(values):
    return sum_of(values.ctypes.data, len(values)), sum_of_squares(values.ctypes.data, len(values))


def in_sixteen_lanes(values: np.ndarray) -> np.float32:
    """The documented order, in numpy's float32."""
    whole = len(values) // 16 * 16
    lanes = np.zeros(16, np.float32)
    for start in range(0, whole, 16):
        lanes = lanes + values[start : start + 16]
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    total = lanes[0]
    for value in values[whole:]:
        total = total + value
    return np.float32(total)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 576, 1000])
def test_the_order_is_fixed(count: int) -> None:
    values = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    total, squares = _sums(values)
    assert np.float32(total) == in_sixteen_lanes(values)
    exact = float((values.astype(np.float64) ** 2).sum())
    assert squares == pytest.approx(exact, rel=1e-6)


def test_nan_stays() -> None:
    values = np.ones(40, np.float32)
    values[20] = np.nan
    assert all(np.isnan(total) for total in _sums(values))
