"""Softmax in key blocks: merged, it is the softmax of all keys."""

from __future__ import annotations

import numpy as np
import pytest

from app.model.cpu_kernels.online_softmax import clear, merge, softmax_numerators

WIDTH = 32


def result_of(scores: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums and state of one key block."""
    weights, state = scores.copy(), np.empty(2, np.float32)
    softmax_numerators(weights, 0, len(weights), 0, len(weights), state)
    return weights @ values, state


@pytest.mark.parametrize("borders", [(7,), (1, 2, 300), (512, 1024)])
def test_blocks_merged_are_the_softmax_of_all(borders: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 20, 1200).astype(np.float32)
    values = rng.normal(size=(1200, WIDTH)).astype(np.float32)
    sums, states = np.empty((1, WIDTH), np.float32), np.empty((1, 2), np.float32)
    clear(sums, states)
    for block in zip(np.split(scores, borders), np.split(values, borders), strict=True):
        merge(sums[0], states[0], *result_of(*block))
    weights = np.exp2(scores.astype(np.float64) - scores.max())
    expected = weights @ values / weights.sum()
    assert np.allclose(sums[0] / states[0, 1], expected, rtol=0, atol=1e-6)


def test_the_first_block_keeps_its_bits() -> None:
    rng = np.random.default_rng(4)
    block = result_of(*(rng.normal(size=s).astype(np.float32) for s in (50, (50, WIDTH))))
    sums, states = np.empty((1, WIDTH), np.float32), np.empty((1, 2), np.float32)
    clear(sums, states)
    merge(sums[0], states[0], *block)
    assert np.array_equal(sums[0], block[0]) and np.array_equal(states[0], block[1])
    nothing = np.full(WIDTH, np.nan, np.float32), np.array([-np.inf, 0], np.float32)
    merge(sums[0], states[0], *nothing)  # of keys that the row does not see
    assert np.array_equal(sums[0], block[0]) and np.array_equal(states[0], block[1])


def test_what_is_not_visible_becomes_zero() -> None:
    scores, state = np.full(96, np.nan, np.float32), np.empty(2, np.float32)
    scores[40:50] = np.float32(3)
    softmax_numerators(scores, 40, 50, 32, 64, state)
    assert scores[32:64].tolist() == [0] * 8 + [1] * 10 + [0] * 14
    assert state.tolist() == [3, 10]
    scores[45] = np.nan
    softmax_numerators(scores, 40, 50, 32, 64, state)
    assert np.isnan(scores[45]) and np.isnan(state[1])
