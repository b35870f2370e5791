"""The compiled decoder against the torch decoder, with every optional part of a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from app.checkpoint.config import read_config
from app.checkpoint.safetensors_index import read_index
from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.model.cpu_kernels.decoder import CompiledDecoder
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.packed_weights import PanelPacker
from app.model.cpu_kernels.packers import QuantizedPanelPacker, panel_packer
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.loading.build_weights import build_weights
from app.model.loading.quantization import WeightPacker
from app.model.loading.tensor_sources import from_checkpoint
from app.model.runner import PREFILL_CHUNK_TOKENS as CHUNK
from app.model.runner import TorchRunner
from app.model.weights import Weights
from tests.model.conftest import SaveModel

SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("llama", {"num_key_value_heads": 4, "attention_bias": True, "mlp_bias": True}),
    ("llama", {"head_dim": 24, "tie_word_embeddings": True}),
    ("mistral", {"sliding_window": 40}),
    ("qwen2", {}),
    ("qwen3", {"head_dim": 32}),
]


def weights_of(directory: Path, packer: WeightPacker) -> Weights:
    config, source = read_config(directory), from_checkpoint(read_index(directory))
    return build_weights(config, source, packer, torch.float32)


def compiled_runner(
    weights: Weights, cache_dtype: torch.dtype = torch.float32, positions: int = 300
) -> TorchRunner:
    cache = PanelCache(weights.config, 6, positions, cache_dtype)
    return TorchRunner(weights, cache, CompiledDecoder(weights, cache), weights.config.vocab_size)


def torch_runner(weights: Weights, positions: int = 300) -> TorchRunner:
    cpu = torch.device("cpu")
    cache = SlotCache(weights.config, 6, positions, torch.float32, (cpu,) * weights.config.layers)
    return TorchRunner(weights, cache, TorchDecoder(weights, cache), weights.config.vocab_size)


def batches() -> list[Batch]:
    """Prompts alone, prompts beside decode rows, rows of different lengths, a large step."""
    tokens = tuple(range(3, 35))
    first = Batch(
        (),
        (
            PrefillChunk(0, 0, tokens, OutputKind.LOGITS),
            PrefillChunk(2, 0, tokens[:7], OutputKind.POOLED),
        ),
    )
    rows = (DecodeRow(0, 32, 9, True), DecodeRow(2, 7, 8, True))
    longer = tuple(
        PrefillChunk(1, 32 * at, tokens, OutputKind.LOGITS, tokens[1:5]) for at in range(3)
    )
    beside = Batch(rows, longer)
    alone = Batch((DecodeRow(0, 33, 4, True), DecodeRow(1, 96, 5, True)), ())
    return [first, beside, alone, Batch((DecodeRow(0, 34, 7, False), *alone.decode_rows[1:]), ())]


@pytest.mark.parametrize(("kind", "changes"), SHAPES)
@pytest.mark.parametrize(
    ("packer", "cache_dtype", "tolerance"),
    [
        pytest.param(PanelPacker(), torch.float32, 2e-4, id="full"),
        pytest.param(PanelPacker(), torch.float16, 4e-3, id="half cache"),
        # Where values are rounded to 8 bits, a last-bit difference may become a whole step.
        pytest.param(panel_packer(8), torch.float16, 0.35, id="8-bit"),
        pytest.param(panel_packer(4), torch.float16, 0.35, id="4-bit"),
    ],
)
def test_both_decoders_agree(
    save_model: SaveModel,
    kind: str,
    changes: dict[str, Any],
    packer: WeightPacker,
    cache_dtype: torch.dtype,
    tolerance: float,
) -> None:
    dtype = "float16" if kind == "llama" else "bfloat16"
    weights = weights_of(save_model(kind, dtype, **changes).directory, packer)
    compiled, reference = compiled_runner(weights, cache_dtype), torch_runner(weights)
    for batch in batches():
        ours, theirs = compiled.run(batch), reference.run(batch)
        assert (ours.logits is None) == (theirs.logits is None)
        pairs = [*zip(ours.pooled, theirs.pooled, strict=True)]
        pairs += zip(ours.target_logits, theirs.target_logits, strict=True)
        if ours.logits is not None:
            pairs.append((ours.logits, theirs.logits))
        for one, other in pairs:
            scale = float(other.abs().max())
            assert torch.allclose(one.float(), other.float(), rtol=0, atol=tolerance * scale)


def prefill_chunks(slot: int, tokens: tuple[int, ...], size: int) -> tuple[PrefillChunk, ...]:
    """A prompt in chunks of `size` tokens, each with the logits of its last token."""
    return tuple(
        PrefillChunk(slot, start, tokens[start : start + size], OutputKind.LOGITS)
        for start in range(0, len(tokens), size)
    )


PACKERS = [PanelPacker(), panel_packer(8), panel_packer(4)]


@pytest.mark.parametrize("packer", PACKERS, ids=["full", "8-bit", "4-bit"])
@pytest.mark.parametrize(("kind", "changes"), [SHAPES[0], SHAPES[3], SHAPES[5]])
def test_how_a_prompt_is_cut_changes_no_bits(
    save_model: SaveModel, kind: str, changes: dict[str, Any], packer: WeightPacker
) -> None:
    """The meaning of `row_invariant`."""
    weights = weights_of(save_model(kind, "float16", **changes).directory, packer)
    cache_dtype = torch.float16 if isinstance(packer, QuantizedPanelPacker) else torch.float32
    runner = compiled_runner(weights, cache_dtype)
    assert runner.row_invariant
    tokens = tuple(range(3, 3 + 2 * CHUNK + 3))  # 35: seven chunks of five

    def logits(chunk: int) -> torch.Tensor:
        """Of every token, [tokens, vocab]."""
        rows = []
        for start in range(0, len(tokens), chunk):
            part = tokens[start : start + chunk]
            result = runner.run(
                Batch((), (PrefillChunk(1, start, part, OutputKind.LOGITS, part[1:]),))
            )
            rows += [*result.target_logits, result.logits]
        return torch.cat(rows)

    expected = logits(CHUNK)
    for chunk in (CHUNK - 1, CHUNK + 1, 1):
        assert logits(chunk).equal(expected)
    together = runner.run(Batch((), prefill_chunks(2, tokens, 5)))  # joined for attention
    assert together.logits.equal(expected[4::5])
    decoded = [
        runner.run(Batch((DecodeRow(1, position, token, True),), ())).logits
        for position, token in enumerate(tokens)
    ]
    assert torch.cat(decoded).equal(expected)


def test_a_step_larger_than_the_buffers_changes_no_bits(save_model: SaveModel) -> None:
    weights = weights_of(save_model("llama", "float16").directory, PanelPacker())
    small, large = compiled_runner(weights), compiled_runner(weights)
    tokens = tuple(range(3, 35))
    chunks = tuple(PrefillChunk(slot, 0, tokens, OutputKind.LOGITS) for slot in range(6))
    together = large.run(Batch((), chunks)).logits
    for chunk in chunks:
        assert small.run(Batch((), (chunk,))).logits[0].equal(together[chunk.slot])
