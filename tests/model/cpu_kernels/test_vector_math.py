"""Scalar functions of the compiled kernels against numpy."""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.vector_math import to_half


def test_halves_are_the_nearest_ones() -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(500) * 10.0 ** rng.integers(-9, 5, 500)
    for value in (*wide.astype(np.float32), np.float32(0), np.float32(-0.0)):
        expected = np.float16(np.clip(value, -65504, 65504))
        assert np.int16(to_half(value)).view(np.float16).tobytes() == expected.tobytes()


def test_what_is_too_large_becomes_the_largest() -> None:
    results = [np.int16(to_half(np.float32(x))).view(np.float16) for x in (1e6, -np.inf, np.nan)]
    assert results[:2] == [65504, -65504]
    assert np.isnan(results[2])
