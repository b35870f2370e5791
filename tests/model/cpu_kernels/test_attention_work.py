"""How a step's attention is divided into query blocks: every row and every key once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.model.cpu_kernels.attention_queries import KEY_BLOCK
from app.model.cpu_kernels.attention_work import AttentionWork
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.self_test import _CONFIG as CONFIG

POSITIONS = 9000


def blocks(batch: Batch, threads: int, heads: int = 9, kv_heads: int = 3) -> list[tuple[int, ...]]:
    """Row, rows, first and end key block, parts and split index of each block."""
    config = replace(CONFIG, heads=heads, kv_heads=kv_heads)
    work = AttentionWork(config, PanelCache(config, 1, POSITIONS), threads)
    work.reserve(batch.tokens)
    count = work.divide(batch)
    found = work._blocks[:count].tolist()
    assert len({block[5] for block in found if block[4] > 1}) <= len(work._finished)
    return found


def chunk(slot: int, start: int, count: int) -> PrefillChunk:
    return PrefillChunk(slot, start, (5,) * count, OutputKind.NONE)


def test_chunks_of_one_prompt_are_joined() -> None:
    batch = Batch(
        (DecodeRow(0, 1, 5, True),),
        (chunk(1, 0, 16), chunk(1, 16, 16), chunk(2, 32, 16), chunk(1, 32, 4)),
    )
    assert [block[:2] for block in blocks(batch, threads=1)] == [(0, 1), (1, 32), (33, 16), (49, 4)]


def test_a_long_row_is_split_and_short_ones_are_not() -> None:
    lengths = (8000, 100, 40)
    batch = Batch(tuple(DecodeRow(slot, n, 5, True) for slot, n in enumerate(lengths)), ())
    assert len(blocks(batch, threads=1)) == 3
    split = blocks(batch, threads=16)
    parts = [block for block in split if block[0] == 0]
    assert len(parts) > 4 and len(split) == len(parts) + 2
    assert {block[4] for block in parts} == {len(parts)}
    assert [block[2] for block in parts[1:]] == [block[3] for block in parts[:-1]]


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
@pytest.mark.parametrize(("heads", "kv_heads"), [(9, 3), (32, 32), (128, 1), (28, 4)])
def test_every_row_reads_all_its_keys_once(threads: int, heads: int, kv_heads: int) -> None:
    rng = random.Random(threads)
    for _ in range(30):
        rows = [
            DecodeRow(slot, rng.choice([rng.randrange(60), rng.randrange(POSITIONS)]), 5, True)
            for slot in range(rng.randrange(20))
        ]
        lengths = [(rng.randrange(8000), rng.randrange(1, 60)) for _ in range(rng.randrange(6))]
        prompts = [chunk(slot, start, n) for slot, (start, n) in enumerate(lengths)]
        batch = Batch(tuple(rows), tuple(prompts))
        keys: dict[int, list[int]] = {}
        for row, count, first, end, parts, _ in blocks(batch, threads, heads, kv_heads):
            assert count == 1 or parts == 1
            for each in range(row, row + count):
                keys.setdefault(each, []).extend(range(first, end))
        positions = [row.position for row in rows]
        positions += [p for start, n in lengths for p in range(start, start + n)]
        assert sorted(keys) == list(range(len(positions)))
        for row, position in enumerate(positions):
            wanted = list(range(position // KEY_BLOCK + 1))
            assert keys[row][: len(wanted)] == wanted
            assert row >= len(rows) or keys[row] == wanted
