"""Causal attention over the KV cache, one block of query rows and one head at a time.

Each row reads the tokens up to its position, in order. Its bits therefore depend neither on the
other rows of the batch nor on how its prompt was split into chunks. Scores (Q Kᵀ) and outputs
(P V) are computed by `microkernel.py`, with keys and values as the packed panels.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.float_microkernel import MAX_TILE_ROWS, element_size, float_microkernel
from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.rope_and_kv_write import attention_job_at, kv_addresses
from app.model.cpu_kernels.vector_math import exp, row_max

#: Most query rows of one block.
QUERY_BLOCK = MAX_TILE_ROWS


@jit
def scratch_floats(capacity, padded_dim):
    """Scratch of one thread, in floats: queries, scores and outputs of a block."""
    return QUERY_BLOCK * (capacity + 2 * padded_dim + 3 * ROW_PADDING)


@jit
def _softmax(scores, first, last, start, end, scale):
    """Softmax over scores[first:last], in place; the rest of scores[start:end] becomes 0."""
    visible = scores[first:last]
    top = row_max(visible)
    total = np.float32(0)
    for t in range(len(visible)):
        weight = exp((visible[t] - top) * scale)
        visible[t] = weight
        total += weight
    inverse = np.float32(1) / total
    for t in range(len(visible)):
        visible[t] *= inverse
    scores[start:first] = np.float32(0)
    scores[last:end] = np.float32(0)


@jit
def _window_start(job, position):
    return max(0, position + 1 - job.window) if job.window else 0


@jit
def _copy_queries(job, row, head, one_row, count, queries):
    """Copy `count` queries: heads of one row (`one_row`), or one head of several rows."""
    qkv = carray(pointer(job.qkv), (row + count, job.stride), np.float32)
    for index in range(count):
        source, column = (row, head + index) if one_row else (row + index, head)
        query = qkv[source, column * job.head_dim : (column + 1) * job.head_dim]
        for i in range(job.head_dim):
            queries[index, i] = query[i]


@jit
def _attend_block(job, row, head, one_row, count, scratch):
    """Attention of `count` queries: heads of one row (`one_row`), or one head of several rows."""
    size, padded, capacity = job.head_dim, job.padded_dim, job.capacity
    score_stride, query_stride = capacity + ROW_PADDING, padded + ROW_PADDING
    cache_bytes = element_size(job.kind)
    positions = carray(pointer(job.positions), row + count, np.int64)
    slots = carray(pointer(job.slots), row + 1, np.int64)
    keys, values = kv_addresses(job, slots[row], head // (job.heads // job.kv_heads))
    queries = carray(pointer(scratch), (count, query_stride), np.float32)
    output = scratch + QUERY_BLOCK * query_stride * 4
    outputs = carray(pointer(output), (count, query_stride), np.float32)
    scores = scratch + 2 * QUERY_BLOCK * query_stride * 4
    _copy_queries(job, row, head, one_row, count, queries)
    start = _window_start(job, positions[row])
    end = positions[row if one_row else row + count - 1] + 1
    for panel in range(start // PANEL, (end + PANEL - 1) // PANEL):
        target = scores + panel * PANEL * 4
        panel_keys = keys + panel * padded * PANEL * cache_bytes
        float_microkernel(
            job.kind, count, panel_keys, scratch, query_stride, target, score_stride, size
        )
    table = carray(pointer(scores), (count, score_stride), np.float32)
    scale = np.float32(1) / np.sqrt(np.float32(size))
    for index in range(count):
        position = positions[row if one_row else row + index]
        _softmax(table[index], _window_start(job, position), position + 1, start, end, scale)
    weights = scores + start * 4
    for panel in range(padded // PANEL):
        panel_values = values + (panel * capacity + start) * PANEL * cache_bytes
        target = output + panel * PANEL * 4
        float_microkernel(
            job.kind, count, panel_values, weights, score_stride, target, query_stride, end - start
        )
    out = carray(pointer(job.out), (row + count, job.out_stride), np.float32)
    for index in range(count):
        target_row, column = (row, head + index) if one_row else (row + index, head)
        result = out[target_row, column * size : (column + 1) * size]
        for i in range(size):
            result[i] = outputs[index, i]


@kernel
def attend(job_address, counter, thread, num_threads):
    """Attention of all rows. One work item is a block of rows and a KV head; for a block of one
    row, the queries that share the KV head (GQA) are computed together."""
    job = carray(attention_job_at(job_address), 1)[0]
    counts = carray(pointer(job.rows), 2, np.int64)
    blocks = carray(pointer(job.blocks), (counts[1], 2), np.int64)
    group = job.heads // job.kv_heads
    scratch = job.scratch + thread * scratch_floats(job.capacity, job.padded_dim) * 4
    while True:
        item = fetch_add(counter, 1)
        # Blocks of one head come one after another, while its keys are in the core's L2 cache.
        kv_head, index = item // max(counts[1], 1), item % max(counts[1], 1)
        if kv_head >= job.kv_heads or not counts[1]:
            break
        row, count = blocks[index, 0], blocks[index, 1]
        first = kv_head * group
        if count == 1 and group <= QUERY_BLOCK:
            _attend_block(job, row, first, True, group, scratch)
        else:
            for head in range(first, first + group):
                _attend_block(job, row, head, False, count, scratch)
