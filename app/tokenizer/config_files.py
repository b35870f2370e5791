"""Reads the JSON files beside a vocabulary: added tokens, named tokens, BOS, chat template.

Every file may be missing, as in a LoRA's directory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import read_json
from app.checkpoint.safe_open import file_exists
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.chat_template_files import find_chat_templates

_NAMES = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "pad", "sep", "cls", "mask"))
# added_tokens.json has no flags. Tokens with these texts are special anyway.
_SPECIAL_TEXT = re.compile(r"<\|.*\|>|\[PAD\]|<pad>")
#: Characters of a token's text. Real vocabularies have runs of up to 128 spaces.
MAX_TOKEN_CHARACTERS = 4096
#: Every text is searched for all of them.
MAX_ADDED_TOKENS = 2**16
EMPTY: Mapping[str, Any] = {}
_SPECIAL_LISTS = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token that is matched in the text before the vocabulary's encoder runs."""

    text: str
    id: int
    special: bool = False  #: not part of the decoded text
    lstrip: bool = False  #: also matches the white space before it
    rstrip: bool = False  #: also matches the white space after it


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """The contents of one directory's files, without tokens of empty text."""

    added: tuple[AddedToken, ...]  #: tokens that a file gives an id, ordered by id
    named: Mapping[str, str]  #: "bos_token" … to the token's text
    special: frozenset[str]  #: the texts of special tokens
    add_bos: bool | None  #: None: not specified
    tokenizer_class: str  #: transformers' class name; "" if not specified
    chat_template: str | None
    tool_chat_template: str | None  #: instead of `chat_template`, with tools


def read_tokenizer_files(directory: Path) -> TokenizerFiles:
    """Read the files of `directory`.

    Raises:
        StartupError: a file cannot be read or is malformed.
    """
    return parse_tokenizer_files(
        directory,
        read_json_object(directory / "tokenizer_config.json"),
        read_json_object(directory / "special_tokens_map.json"),
        read_json_object(directory / "added_tokens.json"),
        read_json_object(directory / "chat_template.json"),
    )


def parse_tokenizer_files(
    directory: Path,
    config: dict[str, Any],
    special_map: Mapping[str, Any] = EMPTY,
    added: Mapping[str, Any] = EMPTY,
    legacy: Mapping[str, Any] = EMPTY,
) -> TokenizerFiles:
    """The contents of tokenizer_config.json, special_tokens_map.json, added_tokens.json and
    chat_template.json together. directory: where they are, or the GGUF file they are from.

    Raises:
        StartupError: they are malformed, or a file with a chat template cannot be read.
    """
    # As in transformers: special_tokens_map.json, the older file, wins unless
    # tokenizer_config.json is of the newer format that contains all tokens.
    newer = "added_tokens_decoder" in config
    sources = (special_map, config) if newer else (config, special_map)
    named = {k: text for src in sources for k in _NAMES if (text := _token_text(src.get(k)))}
    named |= _model_specific_names(config)
    special = set(named.values()) | {text for src in sources for text in _listed_specials(src)}
    by_id = {
        token.id: token
        for token in (
            *_from_added_tokens(directory / "added_tokens.json", added, special),
            *_from_config(directory / "tokenizer_config.json", config, special),
        )
    }
    add_bos = config.get("add_bos_token")
    templates = find_chat_templates(directory, config, legacy)
    return TokenizerFiles(
        added=tuple(by_id[token_id] for token_id in sorted(by_id)),
        named=named,
        special=frozenset(special | {token.text for token in by_id.values() if token.special}),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        tokenizer_class=_string(config.get("tokenizer_class")),
        chat_template=templates.default,
        tool_chat_template=templates.tool_use,
    )


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; {} if there is no such file.

    Raises:
        StartupError: it cannot be read, or is not a JSON object.
    """
    return read_json(path) if file_exists(path) else {}


def _model_specific_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Names that only this model uses, such as "image_token". Chat templates may use them."""
    tokens = {key: value for key, value in config.items() if key.endswith("_token")}
    for key in ("extra_special_tokens", "model_specific_special_tokens"):
        extra = config.get(key)
        tokens |= extra if isinstance(extra, dict) else {}
    return {
        name: text
        for name, value in tokens.items()
        if name not in _NAMES and (text := _token_text(value))
    }


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _token_text(value: object) -> str:
    """A token is a string, or an object with the string under "content"."""
    if isinstance(value, dict):
        value = value.get("content")
    return _string(value)


def _listed_specials(source: Mapping[str, Any]) -> Iterator[str]:
    for key in _SPECIAL_LISTS:
        values = source.get(key)
        if isinstance(values, dict):  # {"image_token": "<image>"}
            values = list(values.values())
        if isinstance(values, list):
            yield from filter(None, map(_token_text, values))


def _from_added_tokens(
    path: Path, tokens: Mapping[str, Any], special: set[str]
) -> Iterator[AddedToken]:
    for text, token_id in tokens.items():
        if text:
            is_special = text in special or _SPECIAL_TEXT.fullmatch(text) is not None
            yield AddedToken(text, _checked_id(token_id, path), is_special)


def _from_config(path: Path, config: dict[str, Any], special: set[str]) -> Iterator[AddedToken]:
    entries = config.get("added_tokens_decoder") or {}
    if not isinstance(entries, dict):
        raise StartupError(f"{path}: added_tokens_decoder should be an object.")
    for key, entry in entries.items():
        if text := _token_text(entry):
            flags = entry if isinstance(entry, dict) else {}
            yield AddedToken(
                text,
                _checked_id(int(key) if key.isdecimal() else key, path),
                bool(flags.get("special")) or text in special,
                bool(flags.get("lstrip")),
                bool(flags.get("rstrip")),
            )


def _checked_id(value: object, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_TOKENS:
        raise StartupError(
            f"{path} gives a token the id {str(value)[:40]!r}; ids lie below {MAX_TOKENS:,}"
        )
    return value


def check_added(tokens: Collection[AddedToken], directory: Path) -> None:
    """Raises StartupError if there are too many added tokens, or one is too long."""
    if len(tokens) > MAX_ADDED_TOKENS:
        raise StartupError(
            f"the tokenizer in {directory} has {len(tokens):,} added tokens; at most "
            f"{MAX_ADDED_TOKENS:,}"
        )
    for token in tokens:
        if len(token.text) > MAX_TOKEN_CHARACTERS:
            raise StartupError(
                f"the tokenizer in {directory} has an added token of {len(token.text):,} "
                f"characters; at most {MAX_TOKEN_CHARACTERS:,}"
            )
