"""Which cache entries every query of a step reads, planned once and used by all layers.

Knows nothing about weights. Rules that keep every row's bits its own (docs/lab-log.md):
a decode row is a lone query over a length that is a multiple of 16, where torch's attention
gives the same bits for any batch and any padding; a prompt tile is a call of its own, cut on a
fixed grid, so its shape never depends on the load.
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

# MKL, which torch's attention calls, otherwise orders its sums by where its inputs happen to lie
# in memory: on an AMD CPU a row's last bit then depended on the batch. MKL reads this at its first
# product (Intel oneMKL, "Conditional Numerical Reproducibility").
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

#: How many bytes of cache one attention call costs to start, at the speed caches are read:
#: about 25 µs at 15 GB/s.
CALL_COST_BYTES = 375_000

Window = int | None


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """One attention call: rows [first, last) of the step against some slots' first tokens."""

    first: int
    last: int
    slots: slice
    length: int  #: cache positions read, a multiple of READ_MULTIPLE
    tile: bool  #: True: the rows are one sequence's queries; False: one query of each slot
    bias: dict[Window, Tensor]  #: 0 where a query may look, -inf elsewhere


def plan_attention_calls(
    batch: Batch,
    windows: Sequence[Window],
    bytes_per_token: int,
    dtype: torch.dtype,
    device: torch.device,
) -> list[AttentionCall]:
    """Attention calls for a batch whose rows stand in slot order, tiles after them.

    bytes_per_token: cache of one layer that one token takes.
    """
    kinds = set(windows)
    spans = []
    for first, last in _group(batch.rows, CALL_COST_BYTES // bytes_per_token):
        rows = batch.rows[first:last]
        positions = torch.tensor([row.position for row in rows])[:, None]
        length = _read_length(max(row.position for row in rows) + 1)
        bias = _bias(positions, length, kinds, dtype, device)
        shaped = {window: mask[:, None, None] for window, mask in bias.items()}
        slots = slice(rows[0].slot, rows[-1].slot + 1)
        spans.append(AttentionCall(first, last, slots, length, False, shaped))
    return spans + prefill_calls(batch, windows, dtype, device)


def prefill_calls(
    batch: Batch, windows: Sequence[Window], dtype: torch.dtype, device: torch.device
) -> list[AttentionCall]:
    """Attention calls for a batch's tiles alone, one each."""
    kinds, spans, first = set(windows), [], len(batch.rows)
    for tile in batch.tiles:
        last, end = first + len(tile.tokens), tile.start + len(tile.tokens)
        length = _read_length(end)
        bias = _bias(torch.arange(tile.start, end)[:, None], length, kinds, dtype, device)
        slots = slice(tile.slot, tile.slot + 1)
        spans.append(AttentionCall(first, last, slots, length, True, bias))
        first = last
    return spans


def calls_on_device(spans: list[AttentionCall], device: torch.device) -> list[AttentionCall]:
    """The same calls for layers on another device."""
    return [
        replace(span, bias={window: mask.to(device) for window, mask in span.bias.items()})
        for span in spans
    ]


def attend(
    query: Tensor, cache: Tensor, spans: list[AttentionCall], window: Window, grouped: bool
) -> Tensor:
    """Attention of all rows of a step.

    query: [rows, heads, head_dim], rotated; cache: [slots, 2, kv_heads, positions, head_dim]
    with the step's own keys and values already written. Returns [rows, heads * head_dim].
    """
    out = torch.empty_like(query, memory_format=torch.contiguous_format)
    for span in spans:
        keys = cache[span.slots, 0, :, : span.length]
        values = cache[span.slots, 1, :, : span.length]
        rows = query[span.first : span.last]
        shaped = rows.transpose(0, 1)[None] if span.tile else rows[:, :, None]
        answer = scaled_dot_product_attention(
            shaped, keys, values, attn_mask=span.bias[window], enable_gqa=grouped
        )
        out[span.first : span.last] = answer[0].transpose(0, 1) if span.tile else answer[:, :, 0]
    return out.flatten(1)


def _read_length(tokens: int) -> int:
    return -(-tokens // READ_MULTIPLE) * READ_MULTIPLE


def _group(rows: tuple[DecodeRow, ...], call_cost: int) -> list[tuple[int, int]]:
    """Runs of rows in neighbouring slots that one call reads more cheaply than two.

    One long row among short ones would make all of them as long as itself.
    """
    groups: list[tuple[int, int]] = []
    first, longest = 0, 0
    for number, row in enumerate(rows):
        length = _read_length(row.position + 1)
        count = number - first
        if count:
            together = (count + 1) * max(longest, length)
            apart = count * longest + length + call_cost
            if row.slot != rows[number - 1].slot + 1 or together > apart:
                groups.append((first, number))
                first, longest = number, 0
        longest = max(longest, length)
    if rows:
        groups.append((first, len(rows)))
    return groups


def _bias(
    positions: Tensor, length: int, windows: set[Window], dtype: torch.dtype, device: torch.device
) -> dict[Window, Tensor]:
    """[queries, length] for each window size; positions: [queries, 1]."""
    reach = torch.arange(length)[None]
    masks = {}
    for window in windows:
        hidden = reach > positions
        if window is not None:
            hidden |= reach <= positions - window
        bias = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, float("-inf"))
        masks[window] = bias.to(device)
    return masks
