"""Writes the random 298 M LLaMA that all speed figures are measured on, and its tokenizer.

Knows nothing about servers. Weights are random because speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.word_tokenizer import write_tokenizer

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 20032,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 20,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": 64,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def write_model(directory: Path, dtype: torch.dtype) -> Path:
    """Write the checkpoint into `directory` unless it is there; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    vocab_size = CONFIG["vocab_size"]
    assert isinstance(vocab_size, int)
    write_tokenizer(directory, vocab_size)
    if (directory / "model.safetensors").exists():
        return directory
    generator = torch.Generator().manual_seed(0)
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    vocab, layers = CONFIG["vocab_size"], CONFIG["num_hidden_layers"]
    assert isinstance(hidden, int) and isinstance(inner, int)
    assert isinstance(vocab, int) and isinstance(layers, int)
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocab, hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (vocab, hidden),
    }
    for number in range(layers):
        layer = f"model.layers.{number}."
        shapes |= {f"{layer}self_attn.{name}_proj.weight": (hidden, hidden) for name in "qkvo"}
        shapes |= {f"{layer}mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        shapes[layer + "mlp.down_proj.weight"] = (hidden, inner)
        shapes[layer + "input_layernorm.weight"] = (hidden,)
        shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
    tensors = {
        name: torch.ones(shape, dtype=dtype)
        if len(shape) == 1
        else (torch.randn(shape, generator=generator) * 0.02).to(dtype)
        for name, shape in shapes.items()
    }
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    name = str(dtype).removeprefix("torch.")
    (directory / "config.json").write_text(json.dumps(CONFIG | {"dtype": name}, indent=2))
    return directory


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    arguments = parser.parse_args()
    write_model(arguments.directory, getattr(torch, arguments.dtype))
