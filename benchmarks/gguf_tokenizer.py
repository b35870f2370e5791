"""Describes a checkpoint's byte-level BPE tokenizer in a GGUF file.

Knows nothing about models: the random models' tokenizer and SmolLM2's have the same file format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf


def describe_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, Any]) -> None:
    """Add vocabulary and merges of `checkpoint`/tokenizer.json to the file's metadata.

    Raises:
        ValueError: it has fewer tokens than the model has rows.
    """
    document = json.loads((checkpoint / "tokenizer.json").read_text(encoding="utf-8"))
    ids: dict[str, int] = dict(document["model"]["vocab"])
    control = {each["content"] for each in document["added_tokens"] if each["special"]}
    ids |= {each["content"]: each["id"] for each in document["added_tokens"]}
    tokens = sorted(ids, key=lambda token: ids[token])
    if len(tokens) < config["vocab_size"]:
        raise ValueError(f"{checkpoint} has {len(tokens)} tokens for {config['vocab_size']} rows")
    kinds = [gguf.TokenType.CONTROL if token in control else gguf.TokenType.NORMAL
             for token in tokens]  # fmt: skip
    merges = document["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer(document))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)


def pre_tokenizer(document: dict[str, Any]) -> str:
    """llama.cpp's name of how a tokenizer.json cuts text into words."""
    parts = document["pre_tokenizer"].get("pretokenizers") or [document["pre_tokenizer"]]
    return "smollm" if any(part["type"] == "Digits" for part in parts) else "gpt-2"
