"""The records that RoPE and attention read: one job per layer, and a step's query blocks."""

from __future__ import annotations

import numpy as np
from numba import from_dtype

from app.model.cpu_kernels.float_microkernel import element_size
from app.model.cpu_kernels.intrinsics import pointer_to
from app.model.cpu_kernels.jit import jit

#: Addresses, and sizes in elements.
ATTENTION_JOB = np.dtype(
    [
        ("rows", np.int64),  #: address of the row count and the block count
        ("qkv", np.int64),  #: float32 [rows, stride]: queries, keys, values; changed in place
        ("stride", np.int64),
        ("slots", np.int64),  #: int64 [rows]
        ("positions", np.int64),  #: int64 [rows]
        ("cache", np.int64),  #: this layer's, see kv_cache.py
        ("slot_stride", np.int64),
        ("kind", np.int64),  #: dtype code of the cache, FLOAT32 or FLOAT16
        ("capacity", np.int64),  #: positions per slot
        ("heads", np.int64),
        ("kv_heads", np.int64),
        ("head_dim", np.int64),
        ("padded_dim", np.int64),  #: head_dim rounded up to whole panels
        ("cos", np.int64),  #: float32 [capacity, head_dim]
        ("sin", np.int64),  #: like cos; the first half is negated, see model/rope.py
        ("q_norm", np.int64),  #: float32 [head_dim], or 0
        ("k_norm", np.int64),
        ("epsilon", np.float64),
        ("blocks", np.int64),  #: QUERY_BLOCK records
        ("window", np.int64),  #: sliding window in tokens, the row's own included; 0: unlimited
        ("out", np.int64),  #: float32 [rows, out_stride]
        ("out_stride", np.int64),
        ("scratch", np.int64),  #: see attention.py
        ("scratch_bytes", np.int64),  #: of one thread
        ("partials", np.int64),  #: results of split rows by key block, see attention.py
        ("finished", np.int64),  #: int64 [split rows, kv_heads], finished parts; 0 between stages
    ]
)
attention_job_at = pointer_to(from_dtype(ATTENTION_JOB))

#: Consecutive rows of one slot and the key blocks that they read. A decode row may be split into
#: several of these, parts, which read different key blocks and are merged by the last to finish.
QUERY_BLOCK = np.dtype(
    [
        ("row", np.int64),
        ("rows", np.int64),
        ("first_key_block", np.int64),
        ("end_key_block", np.int64),  #: exclusive
        ("parts", np.int64),  #: of the row; 1: it is not split
        ("split", np.int64),  #: index of the row among the split rows
    ]
)
query_block_at = pointer_to(from_dtype(QUERY_BLOCK))


@jit
def kv_addresses(job, slot, kv_head):
    """Addresses of the keys and the values of one KV head in a slot."""
    size = job.capacity * job.padded_dim
    width = element_size(job.kind)
    start = job.cache + (slot * job.slot_stride + kv_head * size) * width
    return start, start + job.kv_heads * size * width


@jit
def window_start(job, position):
    """The first position that a row at `position` reads."""
    return max(0, position + 1 - job.window) if job.window else 0
