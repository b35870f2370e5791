"""A GGUF vocabulary of the kind "gpt2" (byte-level BPE) as a tokenizer.json."""

from __future__ import annotations

from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import array_of
from app.tokenizer.gguf.pre_tokenizers import find_pre_tokenizer
from app.tokenizer.gguf.vocabulary import PREFIX, GgufVocabulary, added_tokens

MAX_MERGES = 2**21


def tokenizer_json(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """The values of a tokenizer.json.

    Raises:
        StartupError: the merges are missing or malformed, or the pre-tokenizer is unknown.
    """
    pre_tokenizer = find_pre_tokenizer(vocabulary.metadata)
    added = added_tokens(vocabulary)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if pre_tokenizer.nfc else None,
        "pre_tokenizer": pre_tokenizer.steps,
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": False,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre_tokenizer.ignore_merges,
            "vocab": {text: token for token, text in enumerate(vocabulary.texts) if text},
            "merges": _merges(vocabulary),
        },
    }


def _merges(vocabulary: GgufVocabulary) -> list[list[str]]:
    metadata = vocabulary.metadata
    merges = array_of(metadata, f"{PREFIX}merges", str)
    if not merges or len(merges) > MAX_MERGES:
        raise StartupError(f"{metadata.source} has {len(merges):,} merges ({PREFIX}merges)")
    pairs = []
    for merge in merges:
        # The first character may be a blank itself.
        left, right = merge[:1] + merge[1:].partition(" ")[0], merge[1:].partition(" ")[2]
        if not right:
            raise StartupError(f"{metadata.source}: {PREFIX}merges has {merge[:40]!r}")
        pairs.append([left, right])
    return pairs
