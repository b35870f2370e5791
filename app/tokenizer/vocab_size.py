"""Counts the tokens of a tokenizer, and how many of them plain text can become."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.vocabulary import TokenCount
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer


def count_tokens(directory: Path) -> TokenCount:
    """Load the tokenizer in `directory` and count its tokens.

    Raises:
        StartupError: there is none, or it cannot be read.
    """
    return count(load_tokenizer(directory))


def count(tokenizer: Tokenizer) -> TokenCount:
    """Count the tokens of `tokenizer`."""
    token_bytes = tokenizer.token_bytes
    text = next((i + 1 for i in reversed(range(len(token_bytes))) if token_bytes[i]), 0)
    return TokenCount(tokenizer.vocab_size, text)
