"""Example prompts for the served model, in the page's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.translations import TRANSLATIONS


@dataclass(frozen=True, slots=True)
class Examples:
    """What one page offers."""

    chat: Sequence[str]
    instructions: Sequence[str]  #: for completion: with a template around them
    continuations: Sequence[str]  #: for completion: as they are
    embeddings: Mapping[str, Sequence[str]]  #: by the key of its name
    why: str  #: they are in another language than the page; "" where they are not


def examples(kind: str, lang: str, *, chinese: bool) -> Examples:
    """Those for a model of `kind`: "embedded", "chat" or "base"; in English where the model
    was not made for Chinese."""
    texts = TRANSLATIONS[lang if chinese else "en"].examples
    why = "" if chinese or lang == "en" else TRANSLATIONS[lang].page["examples_english"]
    return Examples(**texts[kind], embeddings=texts["embeddings"], why=why)
