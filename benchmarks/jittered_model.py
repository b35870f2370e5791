"""Writes SmolLM2 with each weight moved by chance inside its quantization step.

The checkpoint in build/smollm2 holds values that four bits can hold (GGUF's Q4_1: blocks
of 32 inputs with 16 levels each; the token embeddings: Q8_0). A quantizer that finds those levels
again loses nothing, which says little of a model whose weights are arbitrary. These are.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

BLOCK = 32  #: inputs that share a scale, in Q4_1 and in Q8_0
COPIED = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def write_jittered(source: Path, target: Path, seed: int = 0) -> Path:
    """Write `target` unless it is there; returns it. Values stay float16."""
    if (target / "model.safetensors").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(source / name, target / name)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: tensor if tensor.ndim == 1 else jittered(tensor, "embed_tokens" in name, generator)
        for name, tensor in sorted(load_file(source / "model.safetensors").items())
    }
    unfinished = target / "model.part"
    save_file(tensors, unfinished, {"format": "pt"})
    unfinished.rename(target / "model.safetensors")
    return target


def jittered(weight: Tensor, q8_0: bool, generator: torch.Generator) -> Tensor:
    """The matrix plus uniform noise of half a step in either direction, in its own dtype.

    weight: [out, in], `in` a multiple of 32; q8_0: its step is the largest of a block's magnitudes
    / 127 instead of Q4_1's (max - min) / 15.
    """
    blocks = weight.float().view(len(weight), -1, BLOCK)
    if q8_0:
        step = blocks.abs().amax(-1, keepdim=True) / 127
    else:
        step = (blocks.amax(-1, keepdim=True) - blocks.amin(-1, keepdim=True)) / 15
    noise = torch.rand(blocks.shape, generator=generator) - 0.5
    return (blocks + noise * step).view_as(weight).to(weight.dtype)
