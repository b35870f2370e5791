"""Rounds weights to 4 bits: a scale and a zero point for each group of 32, chosen by squared error.

Nothing is known of a model's inputs when it is loaded, so all errors of a group count alike. A few
ranges are tried (that of the group's weights, and narrower ones, which cut off the largest), each
with three zero points. The scale is fitted by least squares to the integers that they give, as
llama.cpp does for its K-quants. Sums run in a fixed order, for several groups at once, so every
CPU finds the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from app.model.cpu_kernels.int8_microkernel import GROUP
from app.model.cpu_kernels.intrinsics import clamp, float_to_half_bits, round_to_half
from app.model.cpu_kernels.jit import jit

#: How many ranges are tried, and by how much each is narrower than the one before.
_RANGES, _NARROWER = np.int64(6), np.float32(0.06)
#: Groups that are rounded together.
_LANES = np.int64(32)
#: Rows of the table of what is known of each of these groups, after their GROUP weights.
_LOW, _HIGH, _ZERO_POINT, _SCALE, _ERROR = range(GROUP, GROUP + 5)
_TRIED_ZERO_POINT, _TRIED_SCALE, _DOTS, _SQUARES = range(GROUP + 5, GROUP + 9)
_ROWS = GROUP + 9
_GROUPS_PER_TASK = 1 << 14
_ZERO, _HALF, _ONE, _LARGEST = (np.float32(value) for value in (0, 0.5, 1, 15))
_TINY, _HUGE = np.float32(1e-30), np.float32(1e38)


class Int4Groups(NamedTuple):
    """Rows of groups: a weight is scale * (value - zero point)."""

    values: Tensor  #: uint8 [rows, groups, GROUP], 0 to 15
    zero_points: Tensor  #: uint8 [rows, groups], 0 to 15
    scales: Tensor  #: float16 [rows, groups]


def round_to_int4(weight: Tensor) -> Int4Groups:
    """Round float32 [rows, groups * GROUP], on torch.get_num_threads() threads. A group with a
    NaN or an infinity has a scale of NaN."""
    rows, groups = weight.shape[0], weight.shape[1] // GROUP
    blocks = weight.contiguous().numpy().reshape(-1, GROUP)
    values = np.empty((rows * groups, GROUP), np.uint8)
    zero_points, scales = np.empty(len(blocks), np.uint8), np.empty(len(blocks), np.float16)

    def task(first: int) -> None:
        part = slice(first, first + _GROUPS_PER_TASK)
        _round_groups(blocks[part], values[part], zero_points[part], scales[part].view(np.int16))

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(task, range(0, len(blocks), _GROUPS_PER_TASK)))
    return Int4Groups(
        torch.from_numpy(values).view(rows, groups, GROUP),
        torch.from_numpy(zero_points).view(rows, groups),
        torch.from_numpy(scales).view(rows, groups),
    )


@jit
def _round_groups(blocks, values, zero_points, scales):
    """Round float32 [count, GROUP]; scales: the bits of float16."""
    table = np.empty((_ROWS, _LANES), np.float32)
    for first in range(0, len(blocks), _LANES):
        count = min(_LANES, len(blocks) - first)
        for lane in range(_LANES):
            block = blocks[first + min(lane, count - 1)]
            for i in range(GROUP):
                table[i, lane] = block[i]
        _search(table)
        for lane in range(count):
            scale, zero = table[_SCALE, lane], table[_ZERO_POINT, lane]
            inverse = _inverse(scale)
            for i in range(GROUP):
                values[first + lane, i] = np.uint8(_nearest(table[i, lane] * inverse + zero))
            zero_points[first + lane] = np.uint8(zero)
            scales[first + lane] = float_to_half_bits(scale)


@jit
def _search(table):
    """Find the best zero point and scale of each group."""
    for lane in range(_LANES):
        table[_LOW, lane] = table[_HIGH, lane] = _ZERO  # zero is always exact
        table[_ERROR, lane] = _HUGE
        table[_SCALE, lane] = np.float32(np.nan)
        table[_ZERO_POINT, lane] = _ZERO
    for i in range(GROUP):
        for lane in range(_LANES):
            table[_LOW, lane] = clamp(table[_LOW, lane], -_HUGE, table[i, lane])
            table[_HIGH, lane] = clamp(table[_HIGH, lane], table[i, lane], _HUGE)
    for step in range(_RANGES):
        part = (_ONE - np.float32(step) * _NARROWER) / _LARGEST
        for shift in range(-1, 2):
            for lane in range(_LANES):
                inverse = _inverse((table[_HIGH, lane] - table[_LOW, lane]) * part)
                zero = np.floor(-table[_LOW, lane] * inverse + _HALF) + np.float32(shift)
                table[_TRIED_ZERO_POINT, lane] = clamp(zero, _ZERO, _LARGEST)
                table[_TRIED_SCALE, lane] = inverse
            _fit(table)
            _keep_better(table)


@jit
def _fit(table):
    """Fit the scale to the integers that the inverse scale in its place gives."""
    for lane in range(_LANES):
        table[_DOTS, lane] = table[_SQUARES, lane] = _ZERO
    for i in range(GROUP):
        for lane in range(_LANES):
            weight, zero = table[i, lane], table[_TRIED_ZERO_POINT, lane]
            integer = _nearest(weight * table[_TRIED_SCALE, lane] + zero) - zero
            table[_DOTS, lane] += weight * integer
            table[_SQUARES, lane] += integer * integer
    for lane in range(_LANES):
        fitted = table[_DOTS, lane] * _inverse(table[_SQUARES, lane])
        table[_TRIED_SCALE, lane] = round_to_half(fitted)


@jit
def _keep_better(table):
    """Take what was tried where its squared error is smaller."""
    for lane in range(_LANES):
        table[_SQUARES, lane] = _ZERO
        table[_DOTS, lane] = _inverse(table[_TRIED_SCALE, lane])
    for i in range(GROUP):
        for lane in range(_LANES):
            weight, zero = table[i, lane], table[_TRIED_ZERO_POINT, lane]
            integer = _nearest(weight * table[_DOTS, lane] + zero) - zero
            difference = weight - integer * table[_TRIED_SCALE, lane]
            table[_SQUARES, lane] += difference * difference
    for lane in range(_LANES):
        better = table[_SQUARES, lane] < table[_ERROR, lane]
        table[_ERROR, lane] = table[_SQUARES, lane] if better else table[_ERROR, lane]
        tried = table[_TRIED_ZERO_POINT, lane]
        table[_ZERO_POINT, lane] = tried if better else table[_ZERO_POINT, lane]
        table[_SCALE, lane] = table[_TRIED_SCALE, lane] if better else table[_SCALE, lane]


@jit
def _inverse(scale):
    """Finite also for a scale of 0; no scale is negative."""
    return _ONE / clamp(scale, _TINY, _HUGE)


@jit
def _nearest(value):
    """The nearest of the integers 0 to 15."""
    return clamp(np.floor(value + _HALF), _ZERO, _LARGEST)
