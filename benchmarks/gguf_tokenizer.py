"""Describes a checkpoint's tokenizer in a GGUF file: byte-level BPE or sentencepiece's BPE.

Knows nothing about models: the random models' tokenizer and SmolLM2's have the same file format,
and the embedded model has sentencepiece's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
from sentencepiece import SentencePieceProcessor


def describe_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, Any]) -> None:
    """Add the vocabulary of `checkpoint`, its merges or scores, to the file's metadata.

    Raises:
        ValueError: it has fewer tokens than the model has rows.
    """
    if (checkpoint / "tokenizer.model").exists():
        _describe_sentencepiece(writer, checkpoint / "tokenizer.model", config)
        return
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


def _describe_sentencepiece(writer: gguf.GGUFWriter, path: Path, config: dict[str, Any]) -> None:
    pieces = SentencePieceProcessor(model_file=str(path))
    ids = range(pieces.vocab_size())
    if len(ids) < config["vocab_size"]:
        raise ValueError(f"{path} has {len(ids)} tokens for {config['vocab_size']} rows")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([pieces.id_to_piece(index) for index in ids])
    writer.add_token_scores([pieces.get_score(index) for index in ids])
    writer.add_token_types([_kind(pieces, index) for index in ids])
    writer.add_unk_token_id(pieces.unk_id())
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)


def _kind(pieces: SentencePieceProcessor, index: int) -> gguf.TokenType:
    if pieces.is_unknown(index):
        return gguf.TokenType.UNKNOWN
    if pieces.is_control(index):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if pieces.is_byte(index) else gguf.TokenType.NORMAL


def pre_tokenizer(document: dict[str, Any]) -> str:
    """llama.cpp's name of how a tokenizer.json cuts text into words."""
    parts = document["pre_tokenizer"].get("pretokenizers") or [document["pre_tokenizer"]]
    return "smollm" if any(part["type"] == "Digits" for part in parts) else "gpt-2"
