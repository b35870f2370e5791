"""Creates adapters as peft trains and saves them, and small tokenizers for them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_proto
from transformers import AutoModelForCausalLM, PreTrainedModel

#: Vocabulary sizes: 259 special and byte pieces, the alphabet, and other characters.
SMALL, LARGE = 300, 340
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def write_tokenizer(directory: Path, tokens: int, *, pad: bool = False) -> Path:
    """A tokenizer.model of `tokens` pieces; with `pad` a control token [PAD] beside it."""
    proto = sentencepiece_proto.ModelProto()
    proto.trainer_spec.model_type = 2
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.vocab_size = tokens
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.remove_extra_whitespaces = False
    for piece, kind in (("<unk>", 2), ("<s>", 3), ("</s>", 3)):
        proto.pieces.add(piece=piece, score=0.0, type=kind)
    for byte in range(256):
        proto.pieces.add(piece=f"<0x{byte:02X}>", score=0.0, type=6)
    texts = ["▁", *"abcdefghijklmnopqrstuvwxyz", *map(chr, range(0x4E00, 0x4E00 + tokens))]
    for index, text in enumerate(texts[: tokens - len(proto.pieces)]):
        proto.pieces.add(piece=text, score=-float(index))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tokenizer.model").write_bytes(proto.SerializeToString())
    if pad:
        (directory / "added_tokens.json").write_text(json.dumps({"[PAD]": tokens}))
    return directory


def trained(model: PreTrainedModel, directory: Path, seed: int, **settings: Any) -> Path:
    """Add an adapter with random weights to `model`, as if trained, and save it."""
    # peft's warnings are for adapter developers
    with torch.inference_mode(False), warnings.catch_warnings(action="ignore"):
        settings = {"r": 4, "lora_alpha": 6, "target_modules": ALL, **settings}
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                scale = 0.12 if "lora" not in name else 0.25
                noise = torch.randn(parameter.shape, generator=generator) * scale
                parameter.data = noise.to(parameter.dtype) + (parameter.dim() == 1)
        adapted.save_pretrained(directory)
    return directory


def reference(base: Path, loras: Iterable[Path], rows: int = 0, merge: bool = False) -> Any:
    """transformers and peft in float32: all LoRAs but the last merged, and the last if `merge`."""
    with torch.inference_mode(False), warnings.catch_warnings(action="ignore"):
        model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        if rows:
            model.resize_token_embeddings(rows, mean_resizing=False)
        for lora in loras:
            if isinstance(model, PeftModel):
                model = model.merge_and_unload()
            model = PeftModel.from_pretrained(model, lora)
        return (model.merge_and_unload() if merge else model).eval()
