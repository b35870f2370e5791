"""RoPE of queries and keys (after q_norm and k_norm), and the write of keys and values to the KV
cache.

One work item is a KV head of a row and the query heads that share it.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.attention_job import attention_job_at, kv_addresses
from app.model.cpu_kernels.float_microkernel import FLOAT32
from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.vector_math import to_half
from app.model.cpu_kernels.vector_sums import sum_of_squares


@jit
def _rope(head, norm, epsilon, cos, sin, size):
    """RMSNorm of a head if `norm` is not empty, then RoPE (arXiv 2104.09864), in place."""
    if len(norm):
        total = sum_of_squares(head.ctypes.data, size)
        factor = np.float32(1) / np.sqrt(total / np.float32(size) + np.float32(epsilon))
        for i in range(size):
            head[i] = head[i] * factor * norm[i]
    half_dim = size // 2
    for i in range(half_dim):
        left, right = head[i], head[half_dim + i]
        head[i] = left * cos[i] + right * sin[i]
        head[half_dim + i] = right * cos[half_dim + i] + left * sin[half_dim + i]


@jit
def _optional(address, size):
    """The float32 array at an address; an empty one if the address is 0."""
    return carray(pointer(address), size if address else 0, np.float32)


@jit
def _write_kv(job, row, kv_head, key, value, position):
    """Write a key as a column of its panel, and a value as a row of each of its panels."""
    slots = carray(pointer(job.slots), row + 1, np.int64)
    key_address, value_address = kv_addresses(job, slots[row], kv_head)
    key_shape = (job.capacity // PANEL, job.padded_dim, PANEL)
    value_shape = (job.padded_dim // PANEL, job.capacity, PANEL)
    panel, column = position // PANEL, position % PANEL
    if job.kind == FLOAT32:
        keys = carray(pointer(key_address), key_shape, np.float32)
        values = carray(pointer(value_address), value_shape, np.float32)
        for i in range(job.head_dim):
            keys[panel, i, column] = key[i]
            values[i // PANEL, position, i % PANEL] = value[i]
    else:
        half_keys = carray(pointer(key_address), key_shape, np.int16)
        half_values = carray(pointer(value_address), value_shape, np.int16)
        for i in range(job.head_dim):
            half_keys[panel, i, column] = to_half(key[i])
            half_values[i // PANEL, position, i % PANEL] = to_half(value[i])


@kernel
def rope_and_kv_write(job_address, counter, thread, num_threads):
    """Apply RoPE to all rows' queries in place, and write their keys and values to the cache."""
    job = carray(attention_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    size, group = job.head_dim, job.heads // job.kv_heads
    qkv = carray(pointer(job.qkv), (rows, job.stride), np.float32)
    positions = carray(pointer(job.positions), rows, np.int64)
    q_norm, k_norm = _optional(job.q_norm, size), _optional(job.k_norm, size)
    while True:
        item = fetch_add(counter, 1)
        row, kv_head = item // job.kv_heads, item % job.kv_heads
        if row >= rows:
            break
        position = positions[row]
        cos = carray(pointer(job.cos), (job.capacity, size), np.float32)[position]
        sin = carray(pointer(job.sin), (job.capacity, size), np.float32)[position]
        for head in range(kv_head * group, kv_head * group + group):
            query = qkv[row, head * size : head * size + size]
            _rope(query, q_norm, job.epsilon, cos, sin, size)
        start = (job.heads + kv_head) * size
        key = qkv[row, start : start + size]
        _rope(key, k_norm, job.epsilon, cos, sin, size)
        start += job.kv_heads * size
        _write_kv(job, row, kv_head, key, qkv[row, start : start + size], position)
