"""Single numbers of the compiled kernels against numpy's."""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.vector_math import to_half


def test_halves_are_the_nearest_ones() -> None:
    draw = np.random.default_rng(0)
    wide = draw.standard_normal(500) * 10.0 ** draw.integers(-9, 5, 500)
    for number in (*wide.astype(np.float32), np.float32(0), np.float32(-0.0)):
        expected = np.float16(np.clip(number, -65504, 65504))
        assert np.int16(to_half(number)).view(np.float16).tobytes() == expected.tobytes()


def test_what_is_too_large_becomes_the_largest() -> None:
    found = [np.int16(to_half(np.float32(x))).view(np.float16) for x in (1e6, -np.inf, np.nan)]
    assert found[:2] == [65504, -65504]
    assert np.isnan(found[2])
