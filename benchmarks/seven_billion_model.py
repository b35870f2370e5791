"""Writes a 7 B LLaMA of random weights with 55,296 tokens, as Chinese-LLaMA-2 has.

Knows nothing about servers. 14 GB of disk.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.word_tokenizer import write_tokenizer

HIDDEN, INNER, LAYERS, HEADS, VOCAB = 4096, 11008, 32, 32, 55296
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB,
    "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "hidden_act": "silu",
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "dtype": "float16",
}  # fmt: skip
MATRICES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}  # fmt: skip


LAYER_PARAMETERS = LAYERS * sum(a * b for a, b in MATRICES.values())
PARAMETERS = LAYER_PARAMETERS + VOCAB * HIDDEN  #: that a step reads


def write_checkpoint(directory: Path) -> None:
    """One file per layer. All layers have the same numbers: speed does not depend on them."""
    directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory, VOCAB)
    if (directory / "model.safetensors.index.json").exists():
        return
    generator = torch.Generator().manual_seed(0)

    def matrix(*shape: int) -> torch.Tensor:
        return (torch.randn(shape, generator=generator) * 0.02).half()

    layer = {f"{name}.weight": matrix(*shape) for name, shape in MATRICES.items()}
    for norm in ("input_layernorm", "post_attention_layernorm"):
        layer[f"{norm}.weight"] = torch.ones(HIDDEN).half()
    files = {
        f"model-layer-{number:02}.safetensors": {
            f"model.layers.{number}.{name}": tensor for name, tensor in layer.items()
        }
        for number in range(LAYERS)
    }
    table = matrix(VOCAB, HIDDEN)
    files["model-ends.safetensors"] = {
        "model.embed_tokens.weight": table,
        "lm_head.weight": table.clone(),
        "model.norm.weight": torch.ones(HIDDEN).half(),
    }
    places: dict[str, str] = {}
    for name, tensors in files.items():
        save_file(tensors, directory / name, {"format": "pt"})
        places |= dict.fromkeys(tensors, name)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    index = {"metadata": {}, "weight_map": places}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
