"""Quantized base models: written as directories, and with LoRAs merged in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from app.engine.batch import Batch, OutputKind, PrefillChunk
from app.model.loading.convert import convert
from app.model.loading.load import load_runner
from config import Config
from tests.harness.model_directory import PIECES
from tests.harness.quantized_model import CompressedTensors, Gptq, write_quantized
from tests.lora.adapters import trained

SHAPE = {"vocab_size": PIECES, "hidden_size": 64, "intermediate_size": 96, "model_type": "llama"}
TOKENS = tuple(range(3, 30))
SCHEMES = [Gptq(group=32, symmetric=False), CompressedTensors(8, None, form="int-quantized")]


def logits(base: Path, lora: Path | None = None, **settings: bool) -> Tensor:
    loras = () if lora is None else (str(lora),)
    config = Config(
        BASE_MODEL=str(base), LORA_MODEL=loras, ONLY_CPU=True, KV_CACHE_MB=16, **settings
    )
    runner, _ = load_runner(config, check_without_memory(config), PIECES)
    return runner.run(Batch((), (PrefillChunk(0, 0, TOKENS, OutputKind.LOGITS),))).logits[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_converted(tmp_path: Path, scheme: Gptq | CompressedTensors) -> None:
    """The same values, which transformers reads as a plain model."""
    base, out = tmp_path / "base", tmp_path / "out"
    expected = write_quantized(base, scheme, **SHAPE)
    (base / "quantize_config.json").write_text(json.dumps(scheme.config))
    (base / "LICENSE").write_text("free")
    assert convert(base, out) == [out / "model.safetensors"]
    names = {"LICENSE", "config.json", "model.safetensors", "tokenizer.model"}
    assert {path.name for path in out.iterdir()} == names
    found = load_file(out / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert tensor.float().equal(expected[name]), name
        assert tensor.dtype == (torch.float32 if "proj" in name else torch.float16), name
    config = json.loads((out / "config.json").read_text())
    assert config["dtype"] == "float32" and "quantization_config" not in config
    assert logits(base).equal(logits(out))
    with pytest.raises(StartupError, match="exists already"):
        convert(base, out)


def test_conversions_that_are_refused(tmp_path: Path) -> None:
    awq = {"quant_method": "awq"}
    write_quantized(tmp_path / "a", SCHEMES[0], **SHAPE, quantization_config=awq)
    with pytest.raises(StartupError, match="AWQ are not read"):
        convert(tmp_path / "a", tmp_path / "out")
    write_quantized(tmp_path / "b", SCHEMES[0], lambda name: None, **SHAPE)
    with pytest.raises(StartupError, match="no matrix in it is quantized"):
        convert(tmp_path / "b", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_loras(tmp_path: Path) -> None:
    """Merged as into the plain directory; those that only peft merges are refused."""
    base, plain = tmp_path / "base", tmp_path / "plain"
    write_quantized(base, SCHEMES[0], **SHAPE)
    convert(base, plain)
    model = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.float32)
    lora = trained(model, tmp_path / "lora", seed=1, target_modules=["q_proj", "up_proj"])
    merged = logits(plain, lora)
    assert not merged.equal(logits(base))
    assert logits(base, lora).equal(merged)
    rounded = logits(base, lora, LOAD_IN_8BIT=True)
    assert (rounded - merged).abs().max() < 0.1 * merged.abs().max()

    model = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.float32)
    dora = trained(model, tmp_path / "dora", seed=1, use_dora=True)
    config = Config(BASE_MODEL=str(base), LORA_MODEL=(str(dora),), ONLY_CPU=True)
    with pytest.raises(StartupError, match=r"use_dora.*cannot be merged into GPTQ.*convert"):
        check_without_memory(config)
