"""Attention of the torch decoder: calls of SDPA, planned once per step for all layers.

Two rules make each row's bits independent of the batch (docs/lab-log.md). Decode rows read a
multiple of 16 positions with one query each: there torch's SDPA gives the same bits for any batch
and padding. Each prefill chunk is a separate call, and chunk borders are on a fixed grid, so its
shape does not depend on the load.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from app.engine.batch import Batch, DecodeRow
from app.model.kv_cache import READ_MULTIPLE

# Without this, MKL (called by torch's SDPA) orders its sums by the alignment of its inputs: on an
# AMD CPU a row's last bit then depended on the batch. MKL reads it at its first GEMM (Intel oneMKL,
# "Conditional Numerical Reproducibility").
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

#: Overhead of one SDPA call, in bytes of cache read in the same time: about 25 µs at 15 GB/s.
CALL_COST_BYTES = 375_000

Window = int | None


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """One SDPA call: rows [first, last) of the step over the first `length` positions of slots."""

    first: int
    last: int
    slots: slice
    length: int  #: cache positions read, a multiple of READ_MULTIPLE
    prefill: bool  #: True: the rows are queries of one sequence; False: one query per slot
    bias: dict[Window, Tensor]  #: by window: 0 for visible positions, -inf for masked ones


def plan_attention_calls(
    batch: Batch,
    windows: Sequence[Window],
    bytes_per_token: int,
    dtype: torch.dtype,
    device: torch.device,
) -> list[AttentionCall]:
    """Attention calls for a batch whose rows are in slot order, prefill chunks after them.

    windows: sliding window of each layer in tokens, None: unlimited; bytes_per_token: of one
    layer's cache.
    """
    window_sizes = set(windows)
    calls = []
    for first, last in _group(batch.decode_rows, CALL_COST_BYTES // bytes_per_token):
        rows = batch.decode_rows[first:last]
        positions = torch.tensor([row.position for row in rows])[:, None]
        length = _read_length(max(row.position for row in rows) + 1)
        bias = _bias(positions, length, window_sizes, dtype, device)
        biases = {window: mask[:, None, None] for window, mask in bias.items()}
        slots = slice(rows[0].slot, rows[-1].slot + 1)
        calls.append(AttentionCall(first, last, slots, length, False, biases))
    return calls + prefill_calls(batch, windows, dtype, device)


def prefill_calls(
    batch: Batch, windows: Sequence[Window], dtype: torch.dtype, device: torch.device
) -> list[AttentionCall]:
    """Attention calls for a batch's prefill chunks, one per chunk."""
    window_sizes, calls, first = set(windows), [], len(batch.decode_rows)
    for chunk in batch.prefill_chunks:
        last, end = first + len(chunk.tokens), chunk.start + len(chunk.tokens)
        length = _read_length(end)
        bias = _bias(torch.arange(chunk.start, end)[:, None], length, window_sizes, dtype, device)
        slots = slice(chunk.slot, chunk.slot + 1)
        calls.append(AttentionCall(first, last, slots, length, True, bias))
        first = last
    return calls


def calls_on_device(calls: list[AttentionCall], device: torch.device) -> list[AttentionCall]:
    """The same calls with their masks on another device."""
    return [
        replace(call, bias={window: mask.to(device) for window, mask in call.bias.items()})
        for call in calls
    ]


def attend(
    query: Tensor, cache: Tensor, calls: list[AttentionCall], window: Window, grouped: bool
) -> Tensor:
    """Attention of all rows of a step in one layer.

    query: [rows, heads, head_dim], rotated; cache: [slots, 2, kv_heads, positions, head_dim]
    with the keys and values of this step already written. Returns [rows, heads * head_dim].
    """
    out = torch.empty_like(query, memory_format=torch.contiguous_format)
    for call in calls:
        keys = cache[call.slots, 0, :, : call.length]
        values = cache[call.slots, 1, :, : call.length]
        rows = query[call.first : call.last]
        queries = rows.transpose(0, 1)[None] if call.prefill else rows[:, :, None]
        result = scaled_dot_product_attention(
            queries, keys, values, attn_mask=call.bias[window], enable_gqa=grouped
        )
        out[call.first : call.last] = result[0].transpose(0, 1) if call.prefill else result[:, :, 0]
    return out.flatten(1)


def _read_length(tokens: int) -> int:
    """`tokens` rounded up to READ_MULTIPLE."""
    return -(-tokens // READ_MULTIPLE) * READ_MULTIPLE


def _group(rows: tuple[DecodeRow, ...], call_cost: int) -> list[tuple[int, int]]:
    """Group rows of neighbouring slots into calls [first, last).

    All rows of a call are padded to its longest, so rows are grouped only where the padding costs
    less than another call.
    """
    groups: list[tuple[int, int]] = []
    first, longest = 0, 0
    for index, row in enumerate(rows):
        length = _read_length(row.position + 1)
        count = index - first
        if count:
            together = (count + 1) * max(longest, length)
            apart = count * longest + length + call_cost
            if row.slot != rows[index - 1].slot + 1 or together > apart:
                groups.append((first, index))
                first, longest = index, 0
        longest = max(longest, length)
    if rows:
        groups.append((first, len(rows)))
    return groups


def _bias(
    positions: Tensor, length: int, windows: set[Window], dtype: torch.dtype, device: torch.device
) -> dict[Window, Tensor]:
    """Causal masks [queries, length], one for each window size; positions: [queries, 1]."""
    key_positions = torch.arange(length)[None]
    biases = {}
    for window in windows:
        masked = key_positions > positions
        if window is not None:
            masked |= key_positions <= positions - window
        bias = torch.zeros(masked.shape, dtype=dtype).masked_fill_(masked, float("-inf"))
        biases[window] = bias.to(device)
    return biases
