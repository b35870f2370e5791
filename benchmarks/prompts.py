"""The prompts that servers are measured with: 64 tokens, and no two begin alike.

Knows nothing about servers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.quality_inputs import real_model_texts
from benchmarks.word_tokenizer import words

PROMPT_TOKENS = 64

Prompt = str | list[int]
#: So many prompts, the same for a seed.
Prompts = Callable[[int, object], list[Prompt]]


def random_words(count: int, seed: object) -> list[Prompt]:
    """For a random model, whose tokenizer makes one token of a word."""
    return [words(PROMPT_TOKENS, (seed, each)) for each in range(count)]


def text_windows(directory: Path) -> Prompts:
    """For a real model: parts of the texts in quality_texts, as token ids, because a text would be
    cut into another number of tokens. A first token by chance keeps caches from helping.

    directory: has tokenizer.json.
    """
    ids = [
        token
        for text in real_model_texts(directory)
        for sequence in text.sequences
        for token in sequence.ids
    ]

    def windows(count: int, seed: object) -> list[Prompt]:
        draw = random.Random(repr(seed))
        starts = draw.sample(range(len(ids) - PROMPT_TOKENS), count)
        return [[draw.choice(ids), *ids[at : at + PROMPT_TOKENS - 1]] for at in starts]

    return windows
