"""Attention of a step's rows over the cache, a block of one slot's rows and a head at a time.

Knows nothing about prompts or answers: a row reads the tokens up to its own, in their order, so
neither the rows computed with it nor how its prompt was cut touch its bits. Scores and sums are
the products of `tile.py`, with keys and values as the panels.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.intrinsics import pointer, take
from app.model.cpu_kernels.jit import inner, kernel
from app.model.cpu_kernels.microkernel import MOST_ROWS, PANEL, ROW_GAP, float_tile, size_of
from app.model.cpu_kernels.rope_and_kv_write import head_cache, heads_at
from app.model.cpu_kernels.vector_math import exp, largest

#: Queries that one item has at most.
BLOCK = MOST_ROWS


@inner
def scratch_floats(capacity, padded_dim):
    """Of one thread: queries, scores and sums of a block."""
    return BLOCK * (capacity + 2 * padded_dim + 3 * ROW_GAP)


@inner
def _weigh(scores, first, last, start, end, scale):
    """Scores of [first, last) to shares of attention, zeros around them up to [start, end)."""
    seen = scores[first:last]
    top = largest(seen)
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


@inner
def _look_back(job, position):
    return max(0, position + 1 - job.window) if job.window else 0


@inner
def _copy_queries(job, row, head, across, lines, queries):
    """Heads of one row, or one head of several rows, one after another."""
    qkv = carray(pointer(job.qkv), (row + lines, job.stride), np.float32)
    for line in range(lines):
        source, column = (row, head + line) if across else (row + line, head)
        query = qkv[source, column * job.head_dim : (column + 1) * job.head_dim]
        for i in range(job.head_dim):
            queries[line, i] = query[i]


@inner
def _block(job, row, head, across, lines, scratch):
    """Attention of `lines` heads of one row (`across`), or of one head of so many rows."""
    size, padded, capacity = job.head_dim, job.padded_dim, job.capacity
    stride, gap, cached = capacity + ROW_GAP, padded + ROW_GAP, size_of(job.kind)
    positions = carray(pointer(job.positions), row + lines, np.int64)
    slots = carray(pointer(job.slots), row + 1, np.int64)
    keys, values = head_cache(job, slots[row], head // (job.heads // job.kv_heads))
    queries = carray(pointer(scratch), (lines, gap), np.float32)
    sums = carray(pointer(scratch + BLOCK * gap * 4), (lines, gap), np.float32)
    scores = scratch + 2 * BLOCK * gap * 4
    _copy_queries(job, row, head, across, lines, queries)
    start = _look_back(job, positions[row])
    end = positions[row if across else row + lines - 1] + 1
    for panel in range(start // PANEL, (end + PANEL - 1) // PANEL):
        target = scores + panel * PANEL * 4
        place = keys + panel * padded * PANEL * cached
        float_tile(job.kind, lines, place, scratch, gap, target, stride, size)
    table = carray(pointer(scores), (lines, stride), np.float32)
    scale = np.float32(1) / np.sqrt(np.float32(size))
    for line in range(lines):
        position = positions[row if across else row + line]
        _weigh(table[line], _look_back(job, position), position + 1, start, end, scale)
    for panel in range(padded // PANEL):
        place = values + (panel * capacity + start) * PANEL * cached
        target = scratch + (BLOCK * gap + panel * PANEL) * 4
        float_tile(job.kind, lines, place, scores + start * 4, stride, target, gap, end - start)
    out = carray(pointer(job.out), (row + lines, job.out_stride), np.float32)
    for line in range(lines):
        target_row, column = (row, head + line) if across else (row + line, head)
        found = out[target_row, column * size : (column + 1) * size]
        for i in range(size):
            found[i] = sums[line, i]


@kernel
def attend(address, counter, thread, team):
    """One item is a block and a key head. A lone row's queries of that head go together."""
    job = carray(heads_at(address), 1)[0]
    counts = carray(pointer(job.rows), 2, np.int64)
    blocks = carray(pointer(job.blocks), (counts[1], 2), np.int64)
    group = job.heads // job.kv_heads
    scratch = job.scratch + thread * scratch_floats(job.capacity, job.padded_dim) * 4
    while True:
        item = take(counter, 1)
        # blocks of one head follow each other, while its keys are in the core's own cache
        kv_head, number = item // max(counts[1], 1), item % max(counts[1], 1)
        if kv_head >= job.kv_heads or not counts[1]:
            break
        row, count = blocks[number, 0], blocks[number, 1]
        first = kv_head * group
        if count == 1 and group <= BLOCK:
            _block(job, row, first, True, group, scratch)
        else:
            for head in range(first, first + group):
                _block(job, row, head, False, count, scratch)
