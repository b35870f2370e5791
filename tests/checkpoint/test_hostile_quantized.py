"""Quantized directories that are damaged or not read are refused early, with one line, in little
memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from config import Config
from tests.checkpoint.hostile_quantized import (
    CASES,
    GPTQ,
    INT8,
    PACKED,
    Damage,
    Q,
    absurd_size,
    nothing,
    write,
)
from tests.checkpoint.one_line_refusal import assert_refused_with_one_line
from tests.harness.quantized_model import CompressedTensors, Gptq, write_quantized


def check(path: Path) -> str:
    """All that is checked of weights before torch is imported. Returns how they are quantized."""
    config = Config(BASE_MODEL=str(path), ONLY_CPU=True)
    return check_without_memory(config).quantization


@pytest.mark.parametrize("scheme", [GPTQ, PACKED, INT8])
def test_a_valid_directory_passes(tmp_path: Path, scheme: Gptq | CompressedTensors) -> None:
    assert check(write(tmp_path, scheme, nothing)) in ("GPTQ", "compressed-tensors")


@pytest.mark.parametrize(
    ("name", "scheme", "damage", "words"), CASES, ids=[case[0] for case in CASES]
)
def test_refused_with_one_line_in_little_memory(
    tmp_path: Path, name: str, scheme: Gptq | CompressedTensors, damage: Damage, words: str
) -> None:
    path = write(tmp_path, scheme, damage)
    assert_refused_with_one_line(lambda: check(path), words)


def test_sizes_that_the_file_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="truncated"):
        check(absurd_size(tmp_path))


def test_pickles(tmp_path: Path) -> None:
    (write(tmp_path, GPTQ, nothing) / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    config = Config(BASE_MODEL=str(tmp_path), ONLY_CPU=True, ALLOW_PICKLE=True)
    with pytest.raises(StartupError, match="GPTQ weights as pickles"):
        check_without_memory(config)


def harmless(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """desc_act that changed nothing, as with static groups; AutoGPTQ's biases of zeros."""
    config["quantization_config"]["desc_act"] = True
    tensors[Q + "bias"] = torch.zeros(64, dtype=torch.float16)


def weight_order(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """An order of calibration only; an early name of the key, and an early place of zero points."""
    values = config.pop("quantization_config")
    values["config_groups"]["group_0"]["weights"]["actorder"] = "weight"
    config["compression_config"] = values
    tensors[Q + "weight_zero_point"] = torch.zeros(64, 1, dtype=torch.int8)


@pytest.mark.parametrize(("scheme", "change"), [(GPTQ, harmless), (INT8, weight_order)])
def test_differences_that_change_nothing(
    tmp_path: Path, scheme: Gptq | CompressedTensors, change: Damage
) -> None:
    assert check(write(tmp_path, scheme, change))


def test_quantize_config_json(tmp_path: Path) -> None:
    """Where AutoGPTQ wrote it first. Beside weights that are not quantized it means nothing."""

    def move(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        values = config.pop("quantization_config")
        del values["quant_method"], values["checkpoint_format"]
        (tmp_path / "quantize_config.json").write_text(json.dumps(values))

    assert check(write(tmp_path, GPTQ, move)) == "GPTQ"
    write_quantized(tmp_path, GPTQ, lambda name: None, quantization_config=None)
    assert check(tmp_path) == ""
