"""A block of attention's queries, and the memory of its results: of one thread while it computes
them, and of rows whose keys are split among threads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from app.model.cpu_kernels.float_microkernel import MAX_TILE_ROWS
from app.model.cpu_kernels.intrinsics import pointer
from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.microkernel import ROW_PADDING
from app.model.cpu_kernels.online_softmax import clear

#: Keys of a block: few enough that its keys and values stay in the L2 cache for all queries.
KEY_BLOCK = 512
#: Most queries of a block, unless one row has more.
MAX_QUERIES = 8 * MAX_TILE_ROWS
SCORE_STRIDE = KEY_BLOCK + ROW_PADDING
_LOG2E = np.float32(1.44269504088896341)


class Queries(NamedTuple):
    """Queries of consecutive rows: of each row, the heads that share a KV head (GQA)."""

    positions: Any  #: int64 [queries]
    values: Any  #: float32 [queries, padded_dim], scaled
    sums: Any  #: float32 [queries, padded_dim], see online_softmax.py
    states: Any  #: float32 [queries, 2]


@jit
def tile_bytes(padded_dim):
    """Bytes of a tile's scores and results."""
    return 4 * MAX_TILE_ROWS * (SCORE_STRIDE + padded_dim + 2)


@jit
def scratch_bytes(group, padded_dim):
    """Scratch of one thread, in whole cache lines: a tile, and a block of queries."""
    queries = 4 * max(MAX_QUERIES, group) * (2 + 2 * padded_dim + 2)
    return (tile_bytes(padded_dim) + queries + 63) // 64 * 64


@jit
def partial_floats(group, padded_dim):
    """Floats of a split row's results for one key block."""
    return group * (padded_dim + 2)


@jit
def results_at(address, count, padded_dim):
    """Sums and states of `count` queries at an address."""
    states = pointer(address + 4 * count * padded_dim)
    return (
        carray(pointer(address), (count, padded_dim), np.float32),
        carray(states, (count, 2), np.float32),
    )


@jit
def partial_results(job, split, kv_head, key_block):
    """Sums and states of a split row's queries for one key block."""
    group = job.heads // job.kv_heads
    key_blocks = (job.capacity + KEY_BLOCK - 1) // KEY_BLOCK
    index = (split * job.kv_heads + kv_head) * key_blocks + key_block
    address = job.partials + 4 * index * partial_floats(group, job.padded_dim)
    return results_at(address, group, job.padded_dim)


@jit
def load_queries(job, block, kv_head, scratch):
    """The queries of a block, scaled so that the softmax is one of powers of two."""
    group, size = job.heads // job.kv_heads, job.head_dim
    count, end = block.rows * group, block.row + block.rows
    values = scratch + 8 * count
    sums, states = results_at(values + 4 * count * job.padded_dim, count, job.padded_dim)
    queries = Queries(
        carray(pointer(scratch), count, np.int64),
        carray(pointer(values), (count, job.padded_dim), np.float32),
        sums,
        states,
    )
    positions = carray(pointer(job.positions), end, np.int64)
    qkv = carray(pointer(job.qkv), (end, job.stride), np.float32)
    scale = _LOG2E / np.sqrt(np.float32(size))
    for index in range(count):
        row = block.row + index // group
        start = (kv_head * group + index % group) * size
        query = qkv[row, start : start + size]
        queries.positions[index] = positions[row]
        for i in range(size):
            queries.values[index, i] = query[i] * scale
    clear(sums, states)
    return queries


@jit
def store_outputs(job, block, kv_head, queries):
    """Write the attention outputs of a block of queries."""
    group, size = job.heads // job.kv_heads, job.head_dim
    out = carray(pointer(job.out), (block.row + block.rows, job.out_stride), np.float32)
    for index in range(len(queries.positions)):
        start = (kv_head * group + index % group) * size
        result = out[block.row + index // group, start : start + size]
        inverse = np.float32(1) / queries.states[index, 1]
        for i in range(size):
            result[i] = queries.sums[index, i] * inverse
