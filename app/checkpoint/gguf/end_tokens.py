"""Finds the tokens that end an answer: those that a GGUF file names, and those known by text."""

from __future__ import annotations

from app.checkpoint.gguf.gguf_file import array_of
from app.checkpoint.gguf.token_types import CONTROL, USER_DEFINED
from app.checkpoint.json_file import Fields

_KEYS = ("eos_token_id", "eot_token_id", "eom_token_id")
#: As in llama.cpp (its vocabulary's end-of-generation tokens): files name one id, while the
#: generation_config.json of the original model often names two.
END_TEXTS = frozenset(
    {
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
        "<end_of_turn>", "<eos>", "<EOT>", "_<EOT>", "<｜end▁of▁sentence｜>",
        "<end_of_utterance>",
    }
)  # fmt: skip


def token_id(metadata: Fields, name: str) -> int | None:
    """The id in tokenizer.ggml.`name`; None without the key, or if it is negative, which stands for
    no token in llama.cpp.

    Raises:
        StartupError: it is not a whole number.
    """
    token = metadata.integer(f"tokenizer.ggml.{name}", -1, minimum=-(2**31), maximum=2**32 - 1)
    return token if token >= 0 else None


def end_token_ids(metadata: Fields) -> tuple[int, ...]:
    """The ids, those of the metadata's keys first.

    Raises:
        StartupError: a key is malformed.
    """
    named = (token_id(metadata, name) for name in _KEYS)
    ids = [token for token in named if token is not None]
    types = array_of(metadata, "tokenizer.ggml.token_type", int)
    for token, (text, kind) in enumerate(
        zip(array_of(metadata, "tokenizer.ggml.tokens", str), types, strict=False)
    ):
        if kind in (CONTROL, USER_DEFINED) and text in END_TEXTS:
            ids.append(token)
    return tuple(dict.fromkeys(ids))
