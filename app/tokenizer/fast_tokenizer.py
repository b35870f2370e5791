"""Reads `tokenizer.json` with the `tokenizers` library, as transformers does.

transformers' own classes are not used: they take seconds to import, may replace the pipeline of
the file, and modify a shared object in every call, which is not thread-safe. Here nothing changes
after loading, so no lock is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import read_json
from app.checkpoint.safe_open import MIB
from app.tokenizer.added_tokens import TokenMatcher
from app.tokenizer.config_files import (
    AddedToken,
    TokenizerFiles,
    check_added,
    read_tokenizer_files,
)
from app.tokenizer.detokenizer import decode_all
from app.tokenizer.encoder import BaseEncoder, TextEncoder
from app.tokenizer.token_bytes import TokenTextFormat, token_text_to_bytes
from app.tokenizer.tokenizer_json import (
    check_vocabulary,
    read_token_text_format,
    unk_token,
    without_first_prefix,
)

#: Twice the size of the largest known tokenizer.json, which has 262,144 tokens.
MAX_BYTES = 64 * MIB
MAX_VALUES = 5_000_000


class FastTokenizer:
    """`tokenizer.Tokenizer` over one `tokenizer.json`."""

    def __init__(self, source: dict[str, Any], files: TokenizerFiles, path: Path) -> None:
        """source: the values of a tokenizer.json from the file at `path`; files: beside it.

        Raises:
            StartupError: it is malformed, or its decoder gives tokens no fixed bytes.
        """
        check_vocabulary(source, path)
        backend = _load(path, source)
        text_format = read_token_text_format(source, path)
        vocab: dict[str, int] = backend.get_vocab(with_added_tokens=True)
        ids = vocab | {token.text: token.id for token in files.added}
        tokens = _added_tokens(backend, vocab, files)
        check_added(tokens, path)
        specials = [token for token in tokens if token.special]

        self.vocab_size = 1 + max(ids.values(), default=-1)
        self.token_bytes = _bytes_table(vocab, tokens, text_format, self.vocab_size)
        self.special_texts = tuple(token.text for token in specials)
        self.special_ids = tuple(token.id for token in specials)
        self.chat_template = files.chat_template
        self.tool_chat_template = files.tool_chat_template
        self.bos_id, prefix = _bos_rule(backend, ids, files)
        self.bos_text = next((text for text, id_ in ids.items() if id_ == self.bos_id), "")
        eos_text = files.named.get("eos_token", "")
        self.eos_text = eos_text if eos_text in ids else ""
        self.named_tokens = tuple(({**_class_tokens(files, ids), **files.named}).items())
        self.eos_ids: tuple[int, ...] = (ids[eos_text],) if eos_text in ids else ()

        self._strips_leading_space = text_format.strips_leading_space
        unk = unk_token(source)
        forbidden = frozenset(token.id for token in specials if token.text != unk)
        inner_source = without_first_prefix(source)
        inner = backend if inner_source == source else _load(path, inner_source)
        # The library itself matches plain added tokens that are in tokenizer.json.
        matched = [token for token in tokens if token.special or token.text not in vocab]
        self._encoder = TextEncoder(
            BaseEncoder(_encoding(backend), _encoding(inner), forbidden, TokenMatcher(specials)),
            matched,
            prefix,
        )

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """See `tokenizer.Tokenizer.encode`. Raises ValueError for a lone surrogate."""
        return self._encoder.encode(text, allow_special=allow_special)

    def decode(self, ids: Sequence[int]) -> str:
        """See `tokenizer.Tokenizer.decode`."""
        text = decode_all(self.token_bytes, ids)
        return text[1:] if self._strips_leading_space and text.startswith(" ") else text


def read_fast_tokenizer(directory: Path) -> FastTokenizer:
    """The tokenizer of `directory`'s tokenizer.json.

    Raises:
        StartupError: a file cannot be read, or its decoder gives tokens no fixed bytes.
    """
    path = directory / "tokenizer.json"
    files = read_tokenizer_files(directory)
    return FastTokenizer(read_json(path, MAX_BYTES, MAX_VALUES), files, path)


def _load(path: Path, source: dict[str, Any]) -> Backend:
    try:
        backend = Backend.from_str(json.dumps(source))
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True  # in the text they are plain text
    except Exception as error:  # the library raises nothing narrower
        reason = " ".join(str(error).split())
        raise StartupError(f"{path} cannot be read as a tokenizer: {reason}") from error
    return backend


#: Default tokens of transformers' tokenizer classes, used if the files do not name any.
_CLASS_TOKENS = {
    "Llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "CodeLlama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "GPT2": dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"),
    "Qwen2": dict.fromkeys(("eos_token", "unk_token", "pad_token"), "<|endoftext|>"),
}


def _class_tokens(files: TokenizerFiles, ids: Container[str]) -> dict[str, str]:
    """The default tokens of the tokenizer class in the files, if the vocabulary has them."""
    name = files.tokenizer_class.removesuffix("Fast").removesuffix("Tokenizer")
    named = _CLASS_TOKENS.get(name, {})
    return {key: text for key, text in named.items() if text in ids}


def _encoding(backend: Backend) -> Callable[[str], list[int]]:
    def encode(text: str) -> list[int]:
        # The same ids as from `encode`, which does not release the GIL.
        ids: list[int] = backend.encode_batch_fast([text], add_special_tokens=False)[0].ids
        return ids

    return encode


def _added_tokens(
    backend: Backend, vocab: dict[str, int], files: TokenizerFiles
) -> list[AddedToken]:
    """The tokens of tokenizer.json and of the files beside it; special if any of them says so.
    Named tokens of one character stay plain text: some files name "!" as padding."""
    tokens = {
        text: AddedToken(text, vocab[text], special=True)
        for text in sorted(files.special)
        if text in vocab and len(text) > 1
    }
    for token in files.added:
        tokens[token.text] = token
    for token_id, added in backend.get_added_tokens_decoder().items():
        text = added.content
        special = added.special or text in files.special
        tokens[text] = AddedToken(text, token_id, special, added.lstrip, added.rstrip)
    return sorted(tokens.values(), key=lambda token: token.id)


def _bytes_table(
    vocab: dict[str, int], tokens: list[AddedToken], text_format: TokenTextFormat, size: int
) -> tuple[bytes, ...]:
    table = [b""] * size
    for text, token_id in vocab.items():
        table[token_id] = token_text_to_bytes(text, text_format)
    for token in tokens:
        table[token.id] = b"" if token.special else token.text.encode()
    return tuple(table)


def _bos_rule(
    backend: Backend, ids: dict[str, int], files: TokenizerFiles
) -> tuple[int | None, tuple[int, ...]]:
    """The BOS token, and the prefix of every text. add_bos_token in tokenizer_config.json wins.
    Without it, BOS is added if the post-processor of tokenizer.json adds one."""
    probe = backend.encode("a", add_special_tokens=True)
    added: int | None = None
    if probe.ids and probe.special_tokens_mask[0]:
        added = probe.ids[0]
    bos = ids.get(files.named.get("bos_token", ""), added)
    if bos is None or files.add_bos is False or (files.add_bos is None and added is None):
        return bos, ()
    return bos, (bos,)
