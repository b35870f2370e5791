"""Writes a LLaMA checkpoint as W8A8 in the compressed-tensors format, for vLLM.

Knows nothing about servers. 8-bit matrices with a scale for each row, activations rounded to
8 bits for each token as they come, head and embeddings as they are.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

SCHEME = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {
                "num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel",
                "dynamic": False,
            },
            "input_activations": {
                "num_bits": 8, "type": "int", "symmetric": True, "strategy": "token",
                "dynamic": True,
            },
        }
    },
}  # fmt: skip


def write_w8a8(checkpoint: Path, target: Path) -> Path:
    """Write the directory `target` unless it is there."""
    if (target / "model.safetensors").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(checkpoint / "model.safetensors").items():
        if "_proj." in name:
            tensor, tensors[f"{name}_scale"] = rounded(tensor)
        tensors[name] = tensor
    for path in checkpoint.glob("tokenizer*"):
        shutil.copy2(path, target)
    config = json.loads((checkpoint / "config.json").read_text())
    (target / "config.json").write_text(
        json.dumps(config | {"quantization_config": SCHEME}, indent=2)
    )
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    return target


def rounded(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight bits of a matrix [out, in], and each row's scale [out, 1]."""
    scale = matrix.float().abs().amax(dim=1, keepdim=True) / 127
    return (matrix / scale).round().clamp(-127, 127).to(torch.int8), scale
