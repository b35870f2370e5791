"""Divides a step's attention into work items for the threads, and holds their memory.

A result does not depend on the division, see attention.py; only its speed does.
"""

from __future__ import annotations

import numpy as np
import torch

from app.checkpoint.config import ModelConfig
from app.engine.batch import Batch
from app.model.cpu_kernels.attention_job import QUERY_BLOCK
from app.model.cpu_kernels.attention_queries import (
    KEY_BLOCK,
    MAX_QUERIES,
    partial_floats,
    scratch_bytes,
)
from app.model.cpu_kernels.float_microkernel import MAX_TILE_ROWS
from app.model.cpu_kernels.kv_cache import PanelCache

#: Work items that each thread should find, so that all finish at nearly the same time.
_ITEMS_PER_THREAD = 8

#: One QUERY_BLOCK record.
_Block = tuple[int, int, int, int, int, int]


class AttentionWork:
    """The query blocks of a step. Used by the engine thread only."""

    def __init__(self, config: ModelConfig, cache: PanelCache, threads: int) -> None:
        self._kv_heads, self._group = config.kv_heads, config.heads // config.kv_heads
        #: Query blocks of a step if all have the same work; each becomes an item for a KV head.
        self._wanted = -(-threads * _ITEMS_PER_THREAD // config.kv_heads) if threads > 1 else 1
        self._scratch_bytes = scratch_bytes(self._group, cache.padded_dim)
        self._scratch = torch.empty(threads, self._scratch_bytes, dtype=torch.uint8)
        # Less than `_wanted` rows are longer than a part, see `_decode_blocks`. Memory that no
        # part needs is never touched.
        key_blocks = -(-cache.positions // KEY_BLOCK)
        floats = config.kv_heads * key_blocks * partial_floats(self._group, cache.padded_dim)
        self._partials = torch.empty(self._wanted, floats)
        self._finished = np.zeros((self._wanted, config.kv_heads), np.int64)
        self._blocks = np.zeros(0, QUERY_BLOCK)

    def reserve(self, rows: int) -> None:
        """Make room for steps of `rows` rows."""
        self._blocks = np.zeros(rows + 3 * self._wanted, QUERY_BLOCK)

    def fill(self, job: np.ndarray) -> None:
        """Write the addresses into an ATTENTION_JOB. `reserve` makes them invalid."""
        job["blocks"] = self._blocks.ctypes.data
        job["scratch"], job["scratch_bytes"] = self._scratch.data_ptr(), self._scratch_bytes
        job["partials"], job["finished"] = self._partials.data_ptr(), self._finished.ctypes.data

    def divide(self, batch: Batch) -> int:
        """Write the query blocks of a step; returns their number."""
        blocks = self._decode_blocks(batch) + self._prompt_blocks(batch)
        self._blocks[: len(blocks)] = blocks
        return len(blocks)

    def _decode_blocks(self, batch: Batch) -> list[_Block]:
        """One block for each row, or several parts of one that is longer than the others."""
        keys = sum(row.position + 1 for row in batch.decode_rows)
        keys += sum(chunk.end * len(chunk.tokens) for chunk in batch.prefill_chunks)
        part = max(1, -(-keys // (self._wanted * KEY_BLOCK)))  # key blocks
        blocks: list[_Block] = []
        split = 0
        for index, row in enumerate(batch.decode_rows):
            end = row.position // KEY_BLOCK + 1
            if end <= part:
                blocks.append((index, 1, 0, end, 1, 0))
                continue
            parts = -(-end // part)
            blocks += [
                (index, 1, first, min(first + part, end), parts, split)
                for first in range(0, end, part)
            ]
            split += 1
        return blocks

    def _prompt_blocks(self, batch: Batch) -> list[_Block]:
        """Blocks of consecutive rows: few large ones read the keys less often, but there must be
        some for each thread."""
        prompts = _prompts(batch)
        rows = sum(last - first for first, last, _ in prompts)
        tile = -(-MAX_TILE_ROWS // self._group)
        size = max(tile, min(-(-rows // self._wanted), MAX_QUERIES // self._group))
        return [
            (
                row,
                min(size, last - row),
                0,
                (end - last + min(row + size, last) - 1) // KEY_BLOCK + 1,
                1,
                0,
            )
            for first, last, end in prompts
            for row in range(first, last, size)
        ]


def _prompts(batch: Batch) -> list[tuple[int, int, int]]:
    """Of each prompt: its first row, the row after its last, and the position of the latter.
    Chunks that follow each other in one slot are joined, so that blocks are full."""
    prompts: list[tuple[int, int, int]] = []
    row, following = len(batch.decode_rows), (-1, 0)
    for chunk in batch.prefill_chunks:
        first = row
        row += len(chunk.tokens)
        if (chunk.slot, chunk.start) == following:
            first, _, _ = prompts.pop()
        prompts.append((first, row, chunk.end))
        following = (chunk.slot, chunk.end)
    return prompts
