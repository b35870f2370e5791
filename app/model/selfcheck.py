"""Checks on this very machine that a row's bits do not depend on the rows beside it.

Knows nothing about requests. The rules of linear.py and attention.py were measured on some
CPUs; this looks at the products that the loaded model's own shapes get and at torch's attention,
norms and activation, in a few milliseconds. The compiled attention and norms are for the tests.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from app.model.weights import Weights

#: Row counts to compare with a call of all rows: decode steps, and tiles beside them.
COUNTS = (1, 2, 3, 5, 8, 16, 17, 33, 64)
ROWS = 96


def batch_invariant(weights: Weights) -> bool:
    """True when every kernel gave each row the same bits in all company tried."""
    generator = torch.Generator().manual_seed(0)
    layer, config = weights.layers[0], weights.config
    hidden = torch.randn(ROWS, config.hidden_size, generator=generator)
    inner = torch.randn(ROWS, config.heads * config.head_dim, generator=generator)
    both = layer.gate_up(hidden)
    wide = both[:, : both.shape[1] // 2]

    def activation(rows: Tensor) -> Tensor:
        gate, up = rows.chunk(2, -1)
        return silu(gate).mul_(up)

    def norm(rows: Tensor) -> Tensor:
        return rms_norm(rows, rows.shape[-1:], layer.attention_norm, config.norm_eps)

    checks: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [
        (layer.qkv, hidden),
        (layer.out, inner),
        (layer.gate_up, hidden),
        (layer.down, wide),
        (weights.head, hidden[:17]),
        (activation, both),
        (norm, hidden),
        (lambda rows: torch.softmax(rows, -1), both),
        (lambda rows: torch.log_softmax(rows, -1), both),
    ]
    return all(_rows_agree(call, rows) for call, rows in checks) and _attention_agrees(weights)


def _rows_agree(call: Callable[[Tensor], Tensor], rows: Tensor) -> bool:
    whole = call(rows.contiguous())
    for count in COUNTS:
        first = (7 * count) % max(1, len(rows) - count)
        last = min(len(rows), first + count)
        if not torch.equal(call(rows[first:last].contiguous()), whole[first:last]):
            return False
    return True


def _attention_agrees(weights: Weights) -> bool:
    """One query of 37 tokens alone, in a batch, and over a padded length."""
    config = weights.config
    generator = torch.Generator().manual_seed(0)
    cache = torch.randn(2, 8, config.kv_heads, 640, config.head_dim, generator=generator)
    query = torch.randn(8, config.heads, 1, config.head_dim, generator=generator)

    def attended(first: int, last: int, length: int) -> Tensor:
        bias = torch.full((1, 1, 1, length), float("-inf"))
        bias[..., :37] = 0
        keys, values = cache[:, first:last, :, :length]
        grouped = config.heads != config.kv_heads
        return scaled_dot_product_attention(
            query[first:last], keys, values, attn_mask=bias, enable_gqa=grouped
        )

    alone = attended(3, 4, 48)[0]
    others = [attended(3, 4, 640)[0], attended(0, 8, 48)[3], attended(2, 5, 560)[1]]
    return all(torch.equal(alone, other) for other in others)
