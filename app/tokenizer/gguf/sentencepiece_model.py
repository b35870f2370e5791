"""Rebuilds the sentencepiece model that a GGUF vocabulary of the kind "llama" was made from.

The file is a protobuf message. It is written here field by field, because sentencepiece's own
class for it needs the protobuf library.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import array_of
from app.checkpoint.gguf.token_types import BYTE, UNKNOWN, UNUSED
from app.tokenizer.gguf.vocabulary import PREFIX, GgufVocabulary

# Field numbers of sentencepiece_model.proto.
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE_TEXT, _PIECE_SCORE, _PIECE_TYPE = 1, 2, 3
_MODEL_TYPE, _VOCAB_SIZE, _BYTE_FALLBACK = 3, 4, 35
_UNK_ID, _UNK_PIECE, _BOS_PIECE, _EOS_PIECE, _PAD_PIECE = 40, 45, 46, 47, 48
_NAME, _CHARSMAP, _DUMMY_PREFIX, _REMOVE_SPACES, _ESCAPE_SPACES = range(1, 6)
_BPE = 2  #: the model type


def sentencepiece_model(vocabulary: GgufVocabulary) -> bytes:
    """The bytes of a tokenizer.model.

    Raises:
        StartupError: the scores are missing or malformed, or there is no unknown token.
    """
    metadata, types = vocabulary.metadata, list(vocabulary.types)
    scores = array_of(metadata, f"{PREFIX}scores", float)
    if len(scores) < len(types):
        raise StartupError(
            f"{metadata.source}: {PREFIX}scores has {len(scores):,} elements for {len(types):,} "
            "tokens"
        )
    pieces = b"".join(
        _message(_PIECE, _piece(text, score, kind))
        for text, score, kind in zip(_texts(vocabulary), scores, types, strict=False)
    )
    return (
        pieces
        + _message(_TRAINER, _trainer(vocabulary))
        + _message(_NORMALIZER, _normalizer(vocabulary))
    )


def _texts(vocabulary: GgufVocabulary) -> Sequence[str]:
    """The pieces' texts; sentencepiece has no empty ones."""
    return [text or f"[EMPTY_{token}]" for token, text in enumerate(vocabulary.texts)]


def _piece(text: str, score: float, kind: int) -> bytes:
    score_field = _tag(_PIECE_SCORE, 5) + struct.pack("<f", score)
    return _message(_PIECE_TEXT, text.encode()) + score_field + _number(_PIECE_TYPE, kind or UNUSED)


def _trainer(vocabulary: GgufVocabulary) -> bytes:
    if vocabulary.types.count(UNKNOWN) != 1:
        raise StartupError(
            f"{vocabulary.metadata.source}: {vocabulary.types.count(UNKNOWN)} tokens have the type "
            f"of the unknown token ({PREFIX}token_type 2); sentencepiece needs one"
        )
    unknown = vocabulary.types.index(UNKNOWN)
    fields = [
        _number(_MODEL_TYPE, _BPE),
        _number(_VOCAB_SIZE, len(vocabulary.texts)),
        _number(_BYTE_FALLBACK, int(BYTE in vocabulary.types)),
        _number(_UNK_ID, unknown),
        _message(_UNK_PIECE, vocabulary.texts[unknown].encode()),
    ]
    for number, name in (
        (_BOS_PIECE, "bos_token"),
        (_EOS_PIECE, "eos_token"),
        (_PAD_PIECE, "pad_token"),
    ):
        fields.append(_message(number, vocabulary.named.get(name, "").encode()))
    return b"".join(fields)


def _normalizer(vocabulary: GgufVocabulary) -> bytes:
    metadata = vocabulary.metadata
    charsmap = bytes(
        each & 0xFF for each in array_of(metadata, f"{PREFIX}precompiled_charsmap", int)
    )
    flags = (
        (_DUMMY_PREFIX, metadata.boolean(f"{PREFIX}add_space_prefix", True)),
        (_REMOVE_SPACES, metadata.boolean(f"{PREFIX}remove_extra_whitespaces", False)),
        (_ESCAPE_SPACES, True),
    )
    name = b"user_defined" if charsmap else b"identity"
    parts = [_message(_NAME, name), _message(_CHARSMAP, charsmap)]
    return b"".join([*parts, *(_number(number, int(flag)) for number, flag in flags)])


def _message(number: int, content: bytes) -> bytes:
    return _tag(number, 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _tag(number, 0) + _varint(value)


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
