"""Reads the EOS token ids from a checkpoint's generation_config.json and config.json."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.safe_open import file_exists


def eos_ids(config: Fields, kind: str, directory: Path, vocab_size: int) -> tuple[int, ...]:
    """The EOS token ids: generation_config.json's, then config.json's.

    Raises:
        StartupError: generation_config.json is malformed.
    """
    ids: list[int] = []
    path = directory / "generation_config.json"
    if file_exists(path):
        ids += Fields(read_json(path), str(path)).ids("eos_token_id")
    if "eos_token_id" in config.values:
        ids += config.ids("eos_token_id")
    elif kind in ("llama", "mistral"):
        ids.append(2)
    # A checkpoint may name ids beyond its vocabulary: they can never be sampled.
    return tuple(dict.fromkeys(token for token in ids if 0 <= token < vocab_size))
