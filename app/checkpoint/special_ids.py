"""The ids that end a text, by a checkpoint's JSON files.

Knows nothing about tokenizers, which may add ids of their own.
"""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.safe_open import is_there


def eos_ids(config: Fields, kind: str, directory: Path, vocab_size: int) -> tuple[int, ...]:
    """The ids that end a text: generation_config.json's, then config.json's.

    Raises:
        StartupError: generation_config.json is garbled.
    """
    found: list[int] = []
    path = directory / "generation_config.json"
    if is_there(path):
        found += Fields(read_json(path), str(path)).ids("eos_token_id")
    if "eos_token_id" in config.values:
        found += config.ids("eos_token_id")
    elif kind in ("llama", "mistral"):
        found.append(2)
    # A checkpoint may name ids of a vocabulary it was cut from: they can never be sampled.
    return tuple(dict.fromkeys(token for token in found if 0 <= token < vocab_size))
