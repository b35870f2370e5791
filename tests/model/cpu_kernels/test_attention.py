"""Attention of the compiled decoder: a row's bits do not depend on how the work is divided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.model.cpu_kernels.attention_queries import KEY_BLOCK
from app.model.cpu_kernels.packed_weights import PanelPacker
from app.model.cpu_kernels.packers import panel_packer
from app.model.loading.quantization import WeightPacker
from app.model.runner import TorchRunner
from tests.model.conftest import SaveModel
from tests.model.cpu_kernels.test_decoder import compiled_runner, torch_runner, weights_of

END = 2 * KEY_BLOCK + 230
#: Positions at the borders of key blocks, of windows and of blocks of queries.
BORDERS = (0, 1, 30, 31, 32, 511, 512, 513, 811, 812, 1023, 1024, END - 12, END - 1)
TOKENS = tuple(int(token) for token in np.random.default_rng(5).integers(3, 400, END))
WINDOW = 300


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """More threads than one, so that rows are split."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def chunks(slot: int, start: int, end: int, size: int) -> tuple[PrefillChunk, ...]:
    """TOKENS[start:end] in chunks, each with the logits of its last token."""
    return tuple(
        PrefillChunk(slot, at, TOKENS[at : min(at + size, end)], OutputKind.LOGITS)
        for at in range(start, end, size)
    )


def row(slot: int, position: int) -> DecodeRow:
    return DecodeRow(slot, position, TOKENS[position], True)


def logits(runner: TorchRunner, *rows: DecodeRow, prompt: tuple[PrefillChunk, ...] = ()) -> Any:
    return runner.run(Batch(rows, prompt)).logits


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {}),  # two query heads for each KV head
        ("llama", {"num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 40}),
        ("llama", {"num_key_value_heads": 4}),  # without GQA
        ("mistral", {"sliding_window": WINDOW}),
    ],
    ids=["gqa", "mqa", "mha", "window"],
)
@pytest.mark.parametrize(
    ("packer", "cache_dtype"),
    [
        (PanelPacker(), torch.float32),
        (PanelPacker(), torch.float16),
        (panel_packer(8), torch.float32),
        (panel_packer(8), torch.float16),
    ],
    ids=["full-float32", "full-float16", "8-bit-float32", "8-bit-float16"],
)
def test_how_the_work_is_divided_changes_no_bits(
    save_model: SaveModel,
    kind: str,
    changes: dict[str, Any],
    packer: WeightPacker,
    cache_dtype: torch.dtype,
) -> None:
    changes = {"max_position_embeddings": 2048, **changes}
    weights = weights_of(save_model(kind, "float16", **changes).directory, packer)
    runner = compiled_runner(weights, cache_dtype, END)
    expected = logits(runner, prompt=chunks(0, 0, END, 1))  # joined: every row in full blocks
    assert expected.isfinite().all()
    for start in range(0, END, 16):  # few rows at a time
        part = logits(runner, prompt=chunks(1, start, min(start + 16, END), 5))
        ends = [*range(start + 4, min(start + 16, END), 5), min(start + 16, END) - 1]
        assert part.equal(expected[sorted(set(ends))]), start
    for position in BORDERS:
        assert logits(runner, row(0, position))[0].equal(expected[position]), position
    # a long row beside short ones and a prompt
    rows = (row(0, END - 1), row(1, 3), row(2, 0))
    beside = logits(runner, *rows, prompt=chunks(3, 0, 70, 7))
    assert beside[:3].equal(expected[[END - 1, 3, 0]])
    assert beside[3:].equal(expected[6:70:7])


@pytest.mark.parametrize("window", [None, WINDOW])
def test_long_contexts_agree_with_torch(save_model: SaveModel, window: int | None) -> None:
    saved = save_model("mistral", sliding_window=window, max_position_embeddings=2048)
    weights = weights_of(saved.directory, PanelPacker())
    compiled, reference = compiled_runner(weights, positions=END), torch_runner(weights, END)
    for start in range(0, END, 256):
        batch = Batch((), chunks(1, start, min(start + 256, END), 16))
        ours, theirs = compiled.run(batch).logits, reference.run(batch).logits
        scale = float(theirs.abs().max())
        assert torch.allclose(ours, theirs, rtol=0, atol=2e-4 * scale)


def test_a_nan_stays_in_its_sequence(save_model: SaveModel) -> None:
    weights = weights_of(save_model("llama", "float16").directory, PanelPacker())
    runner = compiled_runner(weights, positions=END)
    clean = logits(runner, prompt=chunks(0, 0, 40, 40))
    logits(runner, prompt=chunks(1, 0, 600, 600))
    runner._cache.layer(0)[1].fill_(torch.nan)  # type: ignore[attr-defined]
    both = logits(runner, row(1, 600), prompt=chunks(0, 0, 40, 40))
    assert both[0].isnan().all()
    assert both[1].equal(clean[0])
