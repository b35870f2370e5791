"""Attention of a step's rows over the cache, a block of one slot's rows and a head at a time.

Knows nothing about prompts or answers: a row reads the tokens up to its own, in their order, so
neither the rows computed with it nor how its prompt was cut touch its bits. Scores and sums are
the products of `tile.py`, with keys and values as the panels.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import (
    MAX_TILE_ROWS,
    PANEL,
    ROW_PADDING,
    element_size,
    float_microkernel,
)
from app.model.cpu_kernels.rope_and_kv_write import attention_job_at, kv_addresses
from app.model.cpu_kernels.vector_math import exp, row_max

#: Queries that one item has at most.
QUERY_BLOCK = MAX_TILE_ROWS


@jit
def scratch_floats(capacity, padded_dim):
    """Of one thread: queries, scores and sums of a block."""
    return QUERY_BLOCK * (capacity + 2 * padded_dim + 3 * ROW_PADDING)


@jit
def _softmax(scores, first, last, start, end, scale):
    """Scores of [first, last) to shares of attention, zeros around them up to [start, end)."""
    seen = scores[first:last]
    top = row_max(seen)
    mass = np.float32(0)
    for t in range(len(seen)):
        weight = exp((seen[t] - top) * scale)
        seen[t] = weight
        mass += weight
    share = np.float32(1) / mass
    for t in range(len(seen)):
        seen[t] *= share
    scores[start:first] = np.float32(0)
    scores[last:end] = np.float32(0)


@jit
def _window_start(job, position):
    return max(0, position + 1 - job.window) if job.window else 0


@jit
def _copy_queries(job, row, head, across, lines, queries):
    """Heads of one row, or one head of several rows, one after another."""
    qkv = carray(pointer(job.qkv), (row + lines, job.stride), np.float32)
    for line in range(lines):
        source, column = (row, head + line) if across else (row + line, head)
        query = qkv[source, column * job.head_dim : (column + 1) * job.head_dim]
        for i in range(job.head_dim):
            queries[line, i] = query[i]


@jit
def _attend_block(job, row, head, across, lines, scratch):
    """Attention of `lines` heads of one row (`across`), or of one head of so many rows."""
    size, padded, capacity = job.head_dim, job.padded_dim, job.capacity
    stride, gap, cached = capacity + ROW_PADDING, padded + ROW_PADDING, element_size(job.kind)
    positions = carray(pointer(job.positions), row + lines, np.int64)
    slots = carray(pointer(job.slots), row + 1, np.int64)
    keys, values = kv_addresses(job, slots[row], head // (job.heads // job.kv_heads))
    queries = carray(pointer(scratch), (lines, gap), np.float32)
    sums = carray(pointer(scratch + QUERY_BLOCK * gap * 4), (lines, gap), np.float32)
    scores = scratch + 2 * QUERY_BLOCK * gap * 4
    _copy_queries(job, row, head, across, lines, queries)
    start = _window_start(job, positions[row])
    end = positions[row if across else row + lines - 1] + 1
    for panel in range(start // PANEL, (end + PANEL - 1) // PANEL):
        target = scores + panel * PANEL * 4
        place = keys + panel * padded * PANEL * cached
        float_microkernel(job.kind, lines, place, scratch, gap, target, stride, size)
    table = carray(pointer(scores), (lines, stride), np.float32)
    scale = np.float32(1) / np.sqrt(np.float32(size))
    for line in range(lines):
        position = positions[row if across else row + line]
        _softmax(table[line], _window_start(job, position), position + 1, start, end, scale)
    for panel in range(padded // PANEL):
        place = values + (panel * capacity + start) * PANEL * cached
        target = scratch + (QUERY_BLOCK * gap + panel * PANEL) * 4
        float_microkernel(
            job.kind, lines, place, scores + start * 4, stride, target, gap, end - start
        )
    out = carray(pointer(job.out), (row + lines, job.out_stride), np.float32)
    for line in range(lines):
        target_row, column = (row, head + line) if across else (row + line, head)
        found = out[target_row, column * size : (column + 1) * size]
        for i in range(size):
            found[i] = sums[line, i]


@kernel
def attend(job_address, counter, thread, num_threads):
    """One item is a block and a key head. A lone row's queries of that head go together."""
    job = carray(attention_job_at(job_address), 1)[0]
    counts = carray(pointer(job.rows), 2, np.int64)
    blocks = carray(pointer(job.blocks), (counts[1], 2), np.int64)
    group = job.heads // job.kv_heads
    scratch = job.scratch + thread * scratch_floats(job.capacity, job.padded_dim) * 4
    while True:
        item = fetch_add(counter, 1)
        # blocks of one head follow each other, while its keys are in the core's own cache
        kv_head, number = item // max(counts[1], 1), item % max(counts[1], 1)
        if kv_head >= job.kv_heads or not counts[1]:
            break
        row, count = blocks[number, 0], blocks[number, 1]
        first = kv_head * group
        if count == 1 and group <= QUERY_BLOCK:
            _attend_block(job, row, first, True, group, scratch)
        else:
            for head in range(first, first + group):
                _attend_block(job, row, head, False, count, scratch)
