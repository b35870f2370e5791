"""Causal attention over the KV cache, in blocks of queries and of keys (FlashAttention).

Each query reads the keys up to its position in order, in blocks that begin at multiples of
KEY_BLOCK. Its bits therefore depend neither on the other rows of the batch, nor on how its prompt
was split into chunks, nor on how its keys were split among threads. Scores (Q Kᵀ) and outputs
(P V) are computed by `float_microkernel.py`, with keys and values as the packed panels.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.attention_job import (
    attention_job_at,
    kv_addresses,
    query_block_at,
    window_start,
)
from app.model.cpu_kernels.attention_queries import (
    KEY_BLOCK,
    SCORE_STRIDE,
    Queries,
    load_queries,
    partial_results,
    results_at,
    store_outputs,
    tile_bytes,
)
from app.model.cpu_kernels.float_microkernel import MAX_TILE_ROWS, element_size, float_microkernel
from app.model.cpu_kernels.gemm import tile_rows
from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.online_softmax import clear, merge, softmax_numerators


@jit
def _attend_tile(job, queries, first, count, key_block, keys, values, scratch):
    """Add a key block to the results of a tile of queries. keys, values: addresses of the KV
    head's."""
    size, padded, width = job.head_dim, job.padded_dim, element_size(job.kind)
    offset = key_block * KEY_BLOCK
    start = max(window_start(job, queries.positions[first]) - offset, 0)
    end = min(queries.positions[first + count - 1] + 1 - offset, KEY_BLOCK)
    if start >= end:
        return
    query = queries.values.ctypes.data + 4 * first * padded
    for panel in range(start // PANEL, (end + PANEL - 1) // PANEL):
        source = keys + (offset + panel * PANEL) * padded * width
        target = scratch + 4 * panel * PANEL
        float_microkernel(job.kind, count, source, query, padded, target, SCORE_STRIDE, size)
    scores = carray(pointer(scratch), (count, SCORE_STRIDE), np.float32)
    output = scratch + 4 * MAX_TILE_ROWS * SCORE_STRIDE
    sums, states = results_at(output, count, padded)
    for index in range(count):
        position = queries.positions[first + index]
        visible = min(max(window_start(job, position) - offset, start), end)
        last = max(min(position + 1 - offset, end), visible)
        softmax_numerators(scores[index], visible, last, start, end, states[index])
    for panel in range(padded // PANEL):
        source = values + (panel * job.capacity + offset + start) * PANEL * width
        target = output + 4 * panel * PANEL
        weights = scratch + 4 * start
        float_microkernel(
            job.kind, count, source, weights, SCORE_STRIDE, target, padded, end - start
        )
    for index in range(count):
        total, total_state = queries.sums[first + index], queries.states[first + index]
        merge(total, total_state, sums[index], states[index])


@jit
def _first_key_block(job, queries):
    """The first key block that a block of queries reads."""
    return window_start(job, queries.positions[0]) // KEY_BLOCK


@jit
def _attend_keys(job, block, kv_head, queries, scratch):
    """Compute a query block's results for its key blocks: a split row's each for itself, others'
    merged."""
    slot = carray(pointer(job.slots), block.row + 1, np.int64)[block.row]
    keys, values = kv_addresses(job, slot, kv_head)
    first_key_block = _first_key_block(job, queries)
    for key_block in range(max(block.first_key_block, first_key_block), block.end_key_block):
        sums, states = queries.sums, queries.states
        if block.parts > 1:
            sums, states = partial_results(job, block.split, kv_head, key_block)
            clear(sums, states)
        target = Queries(queries.positions, queries.values, sums, states)
        first = 0
        while first < len(queries.positions):
            count = tile_rows(len(queries.positions), first, MAX_TILE_ROWS)
            _attend_tile(job, target, first, count, key_block, keys, values, scratch)
            first += count


@jit
def _all_parts_finished(job, block, kv_head):
    """Whether the calling thread finishes the last part of a row; counts for the next layer."""
    address = job.finished + 8 * (block.split * job.kv_heads + kv_head)
    if fetch_add(address, 1) + 1 < block.parts:
        return False
    carray(pointer(address), 1, np.int64)[0] = 0
    return True


@jit
def _merge_parts(job, block, kv_head, queries):
    """Merge a split row's results in the order of its keys."""
    last_key_block = queries.positions[0] // KEY_BLOCK
    for key_block in range(_first_key_block(job, queries), last_key_block + 1):
        sums, states = partial_results(job, block.split, kv_head, key_block)
        for index in range(len(sums)):
            merge(queries.sums[index], queries.states[index], sums[index], states[index])


@kernel
def attend(job_address, counter, thread, num_threads):
    """Attention of all rows. One work item is a query block and a KV head."""
    job = carray(attention_job_at(job_address), 1)[0]
    count = carray(pointer(job.rows), 2, np.int64)[1]
    blocks = carray(query_block_at(job.blocks), count)
    scratch = job.scratch + thread * job.scratch_bytes
    while True:
        item = fetch_add(counter, 1)
        # Blocks of one head come one after another, while its keys are in the core's L2 cache.
        kv_head, index = item // max(count, 1), item % max(count, 1)
        if kv_head >= job.kv_heads or not count:
            break
        block = blocks[index]
        queries = load_queries(job, block, kv_head, scratch + tile_bytes(job.padded_dim))
        _attend_keys(job, block, kv_head, queries, scratch)
        if block.parts > 1:
            if not _all_parts_finished(job, block, kv_head):
                continue
            _merge_parts(job, block, kv_head, queries)
        store_outputs(job, block, kv_head, queries)
