"""Reads the EOS token ids from a checkpoint's generation_config.json and config.json."""

from __future__ import annotations

from app.checkpoint.json_file import Fields


def eos_ids(config: Fields, kind: str, generation: Fields, vocab_size: int) -> tuple[int, ...]:
    """The EOS token ids: generation_config.json's, then config.json's.

    Raises:
        StartupError: a value is malformed.
    """
    ids = [*generation.ids("eos_token_id")]
    if "eos_token_id" in config.values:
        ids += config.ids("eos_token_id")
    elif kind in ("llama", "mistral"):
        ids.append(2)
    # A checkpoint may name ids beyond its vocabulary: they can never be sampled.
    return tuple(dict.fromkeys(token for token in ids if 0 <= token < vocab_size))
