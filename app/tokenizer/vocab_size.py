"""How many tokens a directory's tokenizer has, and how many of them text can become.

Knows nothing about models.
"""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.vocabulary import TokenCount
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer


def count_tokens(directory: Path) -> TokenCount:
    """Read the tokenizer in `directory` and count.

    Raises:
        StartupError: there is none, or it cannot be read.
    """
    return count(load_tokenizer(directory))


def count(tokenizer: Tokenizer) -> TokenCount:
    """Count the tokens of one that is read."""
    spelled = tokenizer.token_bytes
    text = next((i + 1 for i in reversed(range(len(spelled))) if spelled[i]), 0)
    return TokenCount(tokenizer.vocab_size, text)
