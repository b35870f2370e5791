"""Reads a GGUF file's vocabulary: texts, types, scores and merges of its tokens, and named ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.end_tokens import END_TEXTS, token_id
from app.checkpoint.gguf.gguf_file import array_of
from app.checkpoint.gguf.token_types import CONTROL, NORMAL, UNUSED, USER_DEFINED
from app.checkpoint.json_file import Fields
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.config_files import MAX_ADDED_TOKENS, MAX_TOKEN_CHARACTERS

PREFIX = "tokenizer.ggml."
#: Hugging Face's name of a token by the file's.
_NAMED = {
    "bos": "bos_token",
    "eos": "eos_token",
    "unknown": "unk_token",
    "padding": "pad_token",
    "seperator": "sep_token",  # as llama.cpp spells it
    "mask": "mask_token",
}


@dataclass(frozen=True, slots=True)
class GgufVocabulary:
    """The tokens by id, without unused ones at the end, which pad the model's vocabulary."""

    metadata: Fields
    kind: str  #: tokenizer.ggml.model: "llama" is sentencepiece's BPE, "gpt2" byte-level BPE
    texts: Sequence[str]
    types: Sequence[int]  #: see token_types.py
    named: Mapping[str, str]  #: "bos_token" … to the token's text

    @property
    def added(self) -> dict[int, str]:
        """Tokens that are matched in the text before the vocabulary's encoder runs."""
        pairs = zip(self.texts, self.types, strict=True)
        return {
            token: text
            for token, (text, kind) in enumerate(pairs)
            if kind in (CONTROL, USER_DEFINED)
        }

    def special(self, token: int) -> bool:
        """Whether `token` is a control token. Tokens that end an answer are, whatever their
        type, as in llama.cpp."""
        return self.types[token] == CONTROL or self.texts[token] in END_TEXTS


def read_vocabulary(metadata: Fields) -> GgufVocabulary:
    """The vocabulary in a file's `metadata`.

    Raises:
        StartupError: a key is missing or malformed, the kind of tokenizer is not supported, or
            two tokens have the same text.
    """
    kind = metadata.text(f"{PREFIX}model", "")
    if kind not in ("llama", "gpt2"):
        raise StartupError(
            f"{metadata.source}: tokenizer {kind or 'without a name'!r} ({PREFIX}model) is not "
            "supported; llama and gpt2 are; pass the original model's with --tokenizer_path"
        )
    texts = array_of(metadata, f"{PREFIX}tokens", str)
    if not texts or len(texts) > MAX_TOKENS:
        raise StartupError(
            f"{metadata.source} has {len(texts):,} tokens ({PREFIX}tokens); 1 to {MAX_TOKENS:,} "
            "are possible"
        )
    types = array_of(metadata, f"{PREFIX}token_type", int) or [NORMAL] * len(texts)
    if len(types) != len(texts):
        raise StartupError(
            f"{metadata.source}: {PREFIX}token_type has {len(types):,} elements for "
            f"{len(texts):,} tokens"
        )
    named = _named_tokens(metadata, texts)
    used = max((i + 1 for i, each in enumerate(types) if each != UNUSED), default=0)
    vocabulary = GgufVocabulary(metadata, kind, texts[:used], types[:used], named)
    _check(vocabulary)
    return vocabulary


def _check(vocabulary: GgufVocabulary) -> None:
    source, texts = vocabulary.metadata.source, vocabulary.texts
    texts = [text for text in texts if text]
    if len(set(texts)) < len(texts):
        seen: set[str] = set()
        twice = next(text for text in texts if text in seen or seen.add(text))  # type: ignore[func-returns-value]
        raise StartupError(f"{source} has the token {twice[:40]!r} twice")
    longest = max(map(len, texts), default=0)
    if longest > MAX_TOKEN_CHARACTERS:
        raise StartupError(
            f"{source} has a token of {longest:,} characters; at most {MAX_TOKEN_CHARACTERS:,}"
        )
    if len(vocabulary.added) > MAX_ADDED_TOKENS:
        raise StartupError(
            f"{source} has {len(vocabulary.added):,} control and user-defined tokens; at most "
            f"{MAX_ADDED_TOKENS:,}"
        )


def _named_tokens(metadata: Fields, texts: Sequence[str]) -> dict[str, str]:
    named = {}
    for theirs, ours in _NAMED.items():
        token = token_id(metadata, f"{theirs}_token_id")
        # Ids beyond the vocabulary stand for no token, as in llama.cpp.
        if token is not None and token < len(texts) and texts[token]:
            named[ours] = texts[token]
    return named


def added_tokens(vocabulary: GgufVocabulary) -> list[dict[str, Any]]:
    """The added tokens as in tokenizer.json."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return [
        {"id": token, "content": text, **flags, "special": vocabulary.special(token)}
        for token, text in vocabulary.added.items()
        if text
    ]
