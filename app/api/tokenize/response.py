"""The answers of /tokenize, /detokenize and /tokenizer_info."""

from __future__ import annotations

from app.engine.model_info import ModelInfo
from app.engine.token_ids import TokenIds


def tokenize_body(
    tokens: TokenIds, text: str, max_model_len: int, *, count_only: bool
) -> dict[str, object]:
    """The tokens, and the text they were made of; or only how many there are."""
    count: dict[str, object] = {"count": len(tokens), "max_model_len": max_model_len}
    return count if count_only else {"tokens": list(tokens), **count, "prompt": text}


def tokenizer_body(info: ModelInfo, chat_template: str | None) -> dict[str, object]:
    """What clients want to know of the tokenizer; chat_template: Jinja source."""
    return {
        "tokenizer_class": "westlake",
        "bos_token": info.bos_text or None,
        "eos_token": info.eos_text or None,
        "pad_token": None,
        "vocab_size": info.vocab_size,
        "model_max_length": info.max_model_len,
        "chat_template": chat_template,
    }


def detokenize_body(text: str) -> dict[str, object]:
    """The text of the tokens."""
    return {"prompt": text}
