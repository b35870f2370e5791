"""Writes a trained model as the directory a server loads: config, float16 weights, tokenizer.

Knows nothing about training data or evaluation.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from training.model import CONTEXT_LENGTH
from training.tokenizer import BOS_ID, EOS_ID, Codec

LARGEST_FLOAT16 = 65504.0


def export(model: LlamaForCausalLM, tokenizer: bytes, folder: Path) -> None:
    """Everything but the model card, which is written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(half_weights(model), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors leaves it readable by its owner only
    (folder / "tokenizer.model").write_bytes(tokenizer)
    _write_json(folder / "config.json", _config(model))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "LlamaTokenizer",
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "clean_up_tokenization_spaces": False,
            "legacy": True,
            "model_max_length": CONTEXT_LENGTH,
        },
    )
    _write_json(folder / "generation_config.json", {"bos_token_id": BOS_ID, "eos_token_id": EOS_ID})


def export_adapter(model: PeftModel, tokenizer: bytes, added: str, folder: Path) -> None:
    """The adapter in float16 with its tokenizer: the base model's and one more token.

    Copies of the embedding, which peft would save since it has grown, are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()  # peft's form, to be filled in by hand
    (folder / "adapter_model.safetensors").chmod(0o644)
    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    settings |= {"base_model_name_or_path": "../demo"}
    settings["target_modules"].sort()  # peft writes a set, each time in another order
    _write_json(folder / "adapter_config.json", settings)
    (folder / "tokenizer.model").write_bytes(tokenizer)
    _write_json(folder / "added_tokens.json", {added: len(Codec(tokenizer))})


def added_token(adapter: Path) -> str:
    (token,) = json.loads((adapter / "added_tokens.json").read_text(encoding="utf-8"))
    return str(token)


def half_weights(model: LlamaForCausalLM) -> dict[str, torch.Tensor]:
    """The weights rounded to float16 once, so that float32 and float16 servers hold the same."""
    halves = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue  # tied to the embedding
        largest = float(tensor.abs().max())
        if not largest < LARGEST_FLOAT16:
            raise SystemExit(f"{name} holds {largest}: float16 cannot")
        halves[name] = tensor.to(torch.float16).contiguous()
    return halves


def _config(model: LlamaForCausalLM) -> dict[str, object]:
    """Written out by hand: the keys that every transformers version since 4.28 understands."""
    config = model.config
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "head_dim": config.head_dim,
        "hidden_act": config.hidden_act,
        "hidden_size": config.hidden_size,
        "initializer_range": config.initializer_range,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "mlp_bias": False,
        "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers,
        "num_key_value_heads": config.num_key_value_heads,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "use_cache": True,
        "vocab_size": config.vocab_size,
    }


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
