"""Loading weights: exact storage, all sources, shards, pickles, padding, memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.safetensors_index import read_index
from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.engine.request import GenerationRequest, SamplingParams
from app.model import cpu_backend
from app.model.cpu_backend import cpu_packer, decoder_for
from app.model.kv_cache import SlotCache
from app.model.linear import Float16Linear, OneDnnLinear, pack_linear
from app.model.loading.build_weights import Source, build_weights
from app.model.loading.tensor_sources import from_checkpoint, from_modules, from_pickles
from app.model.runner import TorchRunner
from app.model.weights import Weights
from tests.harness.in_process import collect, engine_of
from tests.harness.without_tokenizer import load_without_tokenizer
from tests.model.conftest import SaveModel

CPU = torch.device("cpu")


def built(config: ModelConfig, source: Source) -> Weights:
    packer = cpu_packer(None)
    return build_weights(config, source, packer, torch.float32)


def weights_of(directory: Path) -> Weights:
    source = from_checkpoint(read_index(directory))
    return built(read_config(directory), source)


def runner_of(weights: Weights) -> TorchRunner:
    decoder, cache = decoder_for(weights, 4, 256)
    return TorchRunner(weights, cache, decoder, weights.config.vocab_size)


def outputs(runner: TorchRunner) -> list[Tensor]:
    """Logits after a prompt and after the next token, and a pooled chunk."""
    tokens = tuple(range(3, 35))
    first = runner.run(
        Batch(
            (),
            (
                PrefillChunk(0, 0, tokens, OutputKind.LOGITS),
                PrefillChunk(1, 0, tokens, OutputKind.POOLED),
            ),
        )
    )
    second = runner.run(Batch((DecodeRow(0, 32, 9, True),), ()))
    return [first.logits, *first.pooled, second.logits]


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_modules_and_files_give_the_same_bits(save_model: SaveModel, kind: str, dtype: str) -> None:
    directory = save_model(kind, dtype, head_dim=16).directory
    modules = AutoModelForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype))
    config = read_config(directory)
    other = built(config, from_modules(modules))
    for ours, theirs in zip(
        outputs(runner_of(weights_of(directory))), outputs(runner_of(other)), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_weights_are_stored_in_sixteen_bits_exactly(dtype: torch.dtype) -> None:
    weight = (torch.randn(64, 128) * 0.05).to(dtype)
    linear = pack_linear(weight)
    assert isinstance(linear, Float16Linear)
    assert linear.nbytes == weight.numel() * 2
    x = torch.eye(128)
    assert torch.equal(linear(x) * linear.scale, weight.float().T)


def test_weights_that_float16_cannot_hold_stay_float32() -> None:
    full = torch.randn(64, 128)
    assert isinstance(pack_linear(full), OneDnnLinear)
    assert torch.allclose(pack_linear(full)(torch.eye(128)), full.T)
    wide = full.bfloat16()
    wide[0, 0], wide[1, 1] = 2.0**60, 2.0**-60
    assert isinstance(pack_linear(wide), OneDnnLinear)


def test_a_float32_checkpoint_of_sixteen_bit_numbers_is_stored_in_sixteen() -> None:
    assert isinstance(pack_linear(torch.randn(64, 64).half().float()), Float16Linear)


def test_sharded_files_load(save_model: SaveModel, tmp_path: Path) -> None:
    saved = save_model("llama", "float16", seed=4)
    half = AutoModelForCausalLM.from_pretrained(saved.directory, dtype=torch.float16)
    half.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    first, second = runner_of(weights_of(saved.directory)), runner_of(weights_of(tmp_path))
    for ours, theirs in zip(outputs(first), outputs(second), strict=True):
        assert torch.equal(ours, theirs)


def test_allowed_pickles_load_to_the_same_bits(save_model: SaveModel, tmp_path: Path) -> None:
    saved = save_model("llama", "float16", seed=4)
    torch.save(load_file(saved.directory / "model.safetensors"), tmp_path / "pytorch_model.bin")
    config = read_config(saved.directory)
    other = built(config, from_pickles(tmp_path))
    first, second = runner_of(weights_of(saved.directory)), runner_of(other)
    for ours, theirs in zip(outputs(first), outputs(second), strict=True):
        assert torch.equal(ours, theirs)


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("gotcha",)


def test_a_pickle_with_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model.norm.weight": Trap()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(StartupError, match=r"pytorch_model\.bin"):
        from_pickles(tmp_path)
    assert "gotcha" not in capsys.readouterr().out


def test_rows_beyond_the_tokenizer_are_never_sampled(save_model: SaveModel) -> None:
    saved = save_model("llama", "float16", seed=5)
    weights = weights_of(saved.directory)
    decoder, cache = decoder_for(weights, 2, 64)
    logits = outputs(TorchRunner(weights, cache, decoder, 300))[0]
    assert torch.isneginf(logits[:, 300:]).all()
    assert torch.isfinite(logits[:, :300]).all()


def test_a_pool_smaller_than_one_context_is_refused(save_model: SaveModel) -> None:
    directory = save_model("llama", "float16", max_position_embeddings=4096).directory
    with pytest.raises(StartupError, match="kv_cache_mb"):
        load_without_tokenizer(directory, KV_CACHE_MB=1)


@pytest.mark.parametrize("eight_bit", [False, True])
def test_the_dtype_of_the_kv_cache(save_model: SaveModel, eight_bit: bool) -> None:
    directory = save_model("llama", "float16", max_position_embeddings=4096).directory
    settings: dict[str, Any] = {"LOAD_IN_8BIT": eight_bit, "KV_CACHE_MB": 64}
    usual = load_without_tokenizer(directory, **settings)
    full = load_without_tokenizer(directory, **settings, KV_CACHE_DTYPE="float32")
    half = load_without_tokenizer(directory, **settings, KV_CACHE_DTYPE="float16")
    assert (full.runner.kv_cache_dtype, half.runner.kv_cache_dtype) == (
        torch.float32,
        torch.float16,
    )
    assert full.runner.bytes_per_token == 2 * half.runner.bytes_per_token
    assert half.kv_cache_tokens == 2 * full.kv_cache_tokens
    assert usual.runner.kv_cache_dtype == (torch.float16 if eight_bit else torch.float32)


def test_float16_is_refused_where_the_kernels_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_backend, "_reason_for_torch", lambda eight_bit: "they were ended")
    with pytest.raises(StartupError, match=r"kv_cache_dtype float16 needs .*\(they were ended\)"):
        cpu_packer(None, kv_cache_dtype="float16")


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def test_the_cache_takes_memory_only_where_it_is_written(save_model: SaveModel) -> None:
    config = replace(read_config(save_model("llama").directory), layers=8)
    before = resident_mib()
    cache = SlotCache(config, 64, 65536, torch.float32, (CPU,) * 8)
    assert cache.slots * cache.positions * cache.bytes_per_token == 8 * 2**30
    assert resident_mib() - before < 8
    for layer in cache.layers:
        layer[7, :, :, :20000] = 1
    assert resident_mib() - before > 30
    cache.release(7)
    assert resident_mib() - before < 8
    assert not any(layer[7].any() for layer in cache.layers)


def test_a_checkpoint_with_several_ends_stops_at_each(save_model: SaveModel) -> None:
    saved = save_model("llama", "float16", seed=6)
    settings = json.loads((saved.directory / "config.json").read_text())
    request = GenerationRequest(((5, 6, 7),), SamplingParams(temperature=0), max_tokens=30)
    (free,) = collect(engine_of(saved.directory).generate(replace(request, ignore_eos=True)))
    end = free.tokens[4]
    settings["eos_token_id"] = [399, end]
    (saved.directory / "config.json").write_text(json.dumps(settings))
    (choice,) = collect(engine_of(saved.directory).generate(request))
    assert choice.tokens == free.tokens[: free.tokens.index(end) + 1]
    assert not choice.text.endswith(f"{end}.")
