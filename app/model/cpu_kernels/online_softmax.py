"""Softmax over a row of keys, one key block at a time (online softmax).

Each key block has a maximum of its own; its result is merged into the row's by rescaling both to
the larger maximum. Sources: Milakov and Gimelshein, "Online normalizer calculation for softmax"
(arXiv 1805.02867); with attention, Dao et al., "FlashAttention" (arXiv 2205.14135).

A result is float32 sums [width] of values, weighted by 2^(score - maximum), and a state [2]: the
maximum, and the sum of the weights.
"""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.intrinsics import fma
from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.vector_math import exp2, row_max
from app.model.cpu_kernels.vector_sums import sum_of


@jit
def clear(sums, states):
    """Make [rows, width] results those of no keys."""
    sums[:] = np.float32(0)
    states[:, 0] = np.float32(-np.inf)
    states[:, 1] = np.float32(0)


@jit
def softmax_numerators(scores, first, last, start, end, state):
    """scores[first:last] = 2^(score - maximum) in place; the rest of scores[start:end] becomes 0.

    state: set to the maximum and the sum. A NaN stays NaN, and so does the sum.
    """
    visible = scores[first:last]
    top = row_max(visible)
    for t in range(len(visible)):
        visible[t] = exp2(visible[t] - top)
    scores[start:first] = np.float32(0)
    scores[last:end] = np.float32(0)
    state[0], state[1] = top, sum_of(visible.ctypes.data, len(visible))


@jit
def merge(sums, state, block_sums, block_state):
    """Add a key block's result to a row's. Added to that of no keys, it keeps its bits.

    The FMAs are explicit, because the bits must not depend on where this function is inlined.
    """
    if block_state[1] == np.float32(0):  # no key of the block is visible
        return
    top = max(state[0], block_state[0])
    factor, block_factor = exp2(state[0] - top), exp2(block_state[0] - top)
    state[0] = top
    state[1] = fma(block_state[1], block_factor, state[1] * factor)
    for i in range(len(sums)):
        sums[i] = fma(block_sums[i], block_factor, sums[i] * factor)
