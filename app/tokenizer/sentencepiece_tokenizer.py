"""Reads `tokenizer.model` with sentencepiece, and adds the added tokens of the JSON files.

transformers reads these files in another way and gives other ids.

Only the beginning of a text gets sentencepiece's leading `▁`; text after an added token is encoded
without it. transformers' slow LlamaTokenizer did the same with `legacy=False`; its older behaviour
was a `▁` after each added token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import sentencepiece

from app.checkpoint.errors import StartupError
from app.tokenizer.added_tokens import TokenMatcher
from app.tokenizer.config_files import (
    AddedToken,
    TokenizerFiles,
    check_added,
    read_tokenizer_files,
)
from app.tokenizer.detokenizer import decode_all
from app.tokenizer.encoder import BaseEncoder, TextEncoder
from app.tokenizer.sentencepiece_file import read_model

# `normalizer_spec { add_dummy_prefix: false }` in protobuf's encoding. Concatenated messages
# are merged, so appending this only switches the leading `▁` off.
_NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"
_SPACE = "▁"


class SentencePieceTokenizer:
    """`tokenizer.Tokenizer` over one sentencepiece model. sentencepiece's processors are
    immutable after loading, and thread-safe."""

    def __init__(self, proto: bytes, files: TokenizerFiles, path: Path) -> None:
        """proto: the bytes of a tokenizer.model from the file at `path`; files: beside it.

        Raises:
            StartupError: it is not a sentencepiece model, or the added tokens are too many.
        """
        model, inner = _load(proto, path)
        pieces = _pieces(model)
        tokens = _with_base(files.added, _base_specials(model, pieces, files))
        check_added(tokens, path)
        specials = {token.text: token.id for token in tokens if token.special}

        self.vocab_size = max(len(pieces), *(token.id + 1 for token in tokens))
        self.token_bytes = _bytes_table(model, pieces, tokens, self.vocab_size)
        self.special_texts, self.special_ids = tuple(specials), tuple(specials.values())
        self.chat_template = files.chat_template
        self.tool_chat_template = files.tool_chat_template
        self.bos_id, self.bos_text = _named_token(
            files, "bos_token", specials, model.bos_id(), pieces
        )
        eos_id, self.eos_text = _named_token(files, "eos_token", specials, model.eos_id(), pieces)
        defaults = {"bos_token": self.bos_text, "eos_token": self.eos_text}
        named = {**{name: text for name, text in defaults.items() if text}, **files.named}
        self.named_tokens = tuple(named.items())
        self.eos_ids = () if eos_id is None else (eos_id,)

        self._strips_leading_space = model.normalize("a").startswith(_SPACE)
        forbidden = [  # special tokens that sentencepiece itself could produce from text
            AddedToken(pieces[token_id].strip(_SPACE), token_id)
            for token_id in specials.values()
            if token_id < len(pieces) and token_id != model.unk_id()
        ]
        forbidden_ids = frozenset(token.id for token in forbidden)
        self._encoder = TextEncoder(
            BaseEncoder(model.encode, inner.encode, forbidden_ids, TokenMatcher(forbidden)),
            tokens,
            () if self.bos_id is None or files.add_bos is False else (self.bos_id,),
        )

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """See `tokenizer.Tokenizer.encode`. Raises ValueError for a lone surrogate."""
        return self._encoder.encode(text, allow_special=allow_special)

    def decode(self, ids: Sequence[int]) -> str:
        """See `tokenizer.Tokenizer.decode`."""
        text = decode_all(self.token_bytes, ids)
        return text[1:] if self._strips_leading_space and text.startswith(" ") else text


_Model = sentencepiece.SentencePieceProcessor


def read_sentencepiece_tokenizer(directory: Path) -> SentencePieceTokenizer:
    """The tokenizer of `directory`'s tokenizer.model.

    Raises:
        StartupError: a file cannot be read.
    """
    path = directory / "tokenizer.model"
    files = read_tokenizer_files(directory)
    return SentencePieceTokenizer(read_model(path), files, path)


def _load(proto: bytes, path: Path) -> tuple[_Model, _Model]:
    """The model, and the same model without the leading `▁`."""
    try:
        models = (_Model(model_proto=proto), _Model(model_proto=proto + _NO_DUMMY_PREFIX))
        models[0].encode("a")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StartupError(f"{path} is not a sentencepiece model: {reason}") from error
    return models


def _pieces(model: _Model) -> list[str]:
    return [model.id_to_piece(token_id) for token_id in range(model.get_piece_size())]


def _base_specials(model: _Model, pieces: list[str], files: TokenizerFiles) -> list[AddedToken]:
    """The control pieces of the model, and pieces that a file declares special. Pieces of one
    character stay plain text: some files name "!" as padding."""
    return [
        AddedToken(piece, token_id, special=True)
        for token_id, piece in enumerate(pieces)
        if model.is_control(token_id)
        or model.is_unknown(token_id)
        or (piece in files.special and len(piece) > 1)
    ]


def _with_base(added: tuple[AddedToken, ...], base: list[AddedToken]) -> list[AddedToken]:
    """The special pieces of the model, overridden by the tokens of the files. A special piece
    stays special even if a file does not say so."""
    base_ids = {token.id for token in base}
    base_texts = {token.text for token in base}
    tokens = {token.text: token for token in base}
    for token in added:
        special = token.special or token.id in base_ids or token.text in base_texts
        tokens[token.text] = replace(token, special=special)
    return list(tokens.values())


def _bytes_table(
    model: _Model, pieces: list[str], tokens: list[AddedToken], size: int
) -> tuple[bytes, ...]:
    table = [
        bytes([int(piece[3:5], 16)])  # <0x0A>
        if model.is_byte(token_id)
        else piece.replace(_SPACE, " ").encode()
        for token_id, piece in enumerate(pieces)
    ]
    table += [b""] * (size - len(table))
    for token in tokens:
        table[token.id] = b"" if token.special else token.text.encode()
    return tuple(table)


def _named_token(
    files: TokenizerFiles, name: str, ids: dict[str, int], default_id: int, pieces: list[str]
) -> tuple[int | None, str]:
    """Id and text of the token that the files call `name`, else of the model's default."""
    text = files.named.get(name, "")
    if text in ids:
        return ids[text], text
    return (default_id, pieces[default_id]) if default_id >= 0 else (None, "")
