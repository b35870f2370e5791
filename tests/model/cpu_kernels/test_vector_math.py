"""Scalar functions of the compiled kernels against numpy."""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.vector_math import exp2, to_half


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


def test_powers_of_two() -> None:
    exponents = np.concatenate([np.linspace(-126, 0, 997), [-0.5, -1.5]]).astype(np.float32)
    results = np.array([exp2(x) for x in exponents])
    assert np.allclose(results, 2.0 ** exponents.astype(np.float64), rtol=2e-7, atol=0)
    assert exp2(np.float32(0)) == 1
    assert exp2(np.float32(-np.inf)) == np.float32(2.0**-126)
    assert np.isnan(exp2(np.float32(np.nan)))
