"""Counts the tokens of a tokenizer, and how many of them plain text can become."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.gguf.gguf_file import GgufFile
from app.checkpoint.vocabulary import VocabSize
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer


def read_vocab_size(source: Path | GgufFile) -> VocabSize:
    """Load the tokenizer in a directory or a GGUF file and count its tokens.

    Raises:
        StartupError: there is none, or it cannot be read.
    """
    return get_vocab_size(load_tokenizer(source))


def get_vocab_size(tokenizer: Tokenizer) -> VocabSize:
    """Count the tokens of `tokenizer`."""
    token_bytes = tokenizer.token_bytes
    text = next((i + 1 for i in reversed(range(len(token_bytes))) if token_bytes[i]), 0)
    return VocabSize(tokenizer.vocab_size, text)
