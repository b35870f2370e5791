"""Reads the small JSON files beside a vocabulary: added and named tokens, BOS rule, template.

Knows nothing about how text is split; every file may be missing, as in a LoRA's directory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import read_json
from app.checkpoint.safe_open import is_there
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.chat_template_files import find_chat_template

_NAMES = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "pad", "sep", "cls", "mask"))
# added_tokens.json has no flags. What is spelled like this is a control token all the same.
_CONTROL = re.compile(r"<\|.*\|>|\[PAD\]|<pad>")
#: Text that stands for one token: a run of blanks has 128 characters.
MAX_TOKEN_CHARACTERS = 4096
#: Each is looked for in every text, before the vocabulary's own rules.
MAX_ADDED_TOKENS = 2**16
_LISTS = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token that is matched in the text before the vocabulary's own rules apply."""

    text: str
    id: int
    special: bool = False  #: a control token: no text of its own
    lstrip: bool = False  #: takes the white space before it along
    rstrip: bool = False  #: … and after it


@dataclass(frozen=True, slots=True)
class TokenizerFiles:
    """What the files of one directory say, empty spellings left out."""

    added: tuple[AddedToken, ...]  #: those a file gives an id, by id
    named: Mapping[str, str]  #: "bos_token" … to spelling
    special: frozenset[str]  #: the spellings that are control tokens
    add_bos: bool | None  #: None: the files are silent
    tokenizer_class: str  #: transformers' name for who reads them; "" where they are silent
    chat_template: str | None


def read_tokenizer_files(directory: Path) -> TokenizerFiles:
    """Read the files of `directory`.

    Raises:
        StartupError: one of them cannot be read or is not what it should be.
    """
    config = read_json_object(directory / "tokenizer_config.json")
    special_map = read_json_object(directory / "special_tokens_map.json")
    # As the files' writer reads them: the map is the older place and has the last word,
    # unless the config is of the newer kind that holds everything.
    newer = "added_tokens_decoder" in config
    sources = (special_map, config) if newer else (config, special_map)
    named = {k: text for src in sources for k in _NAMES if (text := _spelling(src.get(k)))}
    named |= _own_names(config)
    special = set(named.values()) | {text for src in sources for text in _listed_specials(src)}
    by_id = {
        token.id: token
        for token in (
            *_from_added_tokens(directory / "added_tokens.json", special),
            *_from_config(directory / "tokenizer_config.json", config, special),
        )
    }
    add_bos = config.get("add_bos_token")
    return TokenizerFiles(
        added=tuple(by_id[token_id] for token_id in sorted(by_id)),
        named=named,
        special=frozenset(special | {token.text for token in by_id.values() if token.special}),
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        tokenizer_class=_text(config.get("tokenizer_class")),
        chat_template=find_chat_template(
            directory, config, read_json_object(directory / "chat_template.json")
        ),
    )


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; {} if there is no such file.

    Raises:
        StartupError: it cannot be read, or holds something else.
    """
    return read_json(path) if is_there(path) else {}


def _own_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Names that only this model has, as "image_token"; templates may use them."""
    found = {key: value for key, value in config.items() if key.endswith("_token")}
    for key in ("extra_special_tokens", "model_specific_special_tokens"):
        listed = config.get(key)
        found |= listed if isinstance(listed, dict) else {}
    return {
        name: text
        for name, value in found.items()
        if name not in _NAMES and (text := _spelling(value))
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _spelling(value: object) -> str:
    """A token is written as its text, or as an object that has it under "content"."""
    if isinstance(value, dict):
        value = value.get("content")
    return _text(value)


def _listed_specials(source: Mapping[str, Any]) -> Iterator[str]:
    for key in _LISTS:
        values = source.get(key)
        if isinstance(values, dict):  # {"image_token": "<image>"}
            values = list(values.values())
        if isinstance(values, list):
            yield from filter(None, map(_spelling, values))


def _from_added_tokens(path: Path, special: set[str]) -> Iterator[AddedToken]:
    for text, token_id in read_json_object(path).items():
        if text:
            is_special = text in special or _CONTROL.fullmatch(text) is not None
            yield AddedToken(text, _checked_id(token_id, path), is_special)


def _from_config(path: Path, config: dict[str, Any], special: set[str]) -> Iterator[AddedToken]:
    entries = config.get("added_tokens_decoder") or {}
    if not isinstance(entries, dict):
        raise StartupError(f"{path}: added_tokens_decoder should be an object.")
    for key, entry in entries.items():
        if text := _spelling(entry):
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
    """Raises StartupError when the tokens beside a vocabulary are too many or too long."""
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
