"""`chat_template_kwargs`: variables of a chat template that a request or the operator sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.prompts.sandbox.globals import GLOBALS
from app.prompts.special_token_guard import guard_special_tokens
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

ChatTemplateKwargs = Mapping[str, Any]

#: Of all names and values together, and how deep values may be nested.
MAX_CHARACTERS = 16_384
MAX_DEPTH = 8
NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
#: What the server itself gives to a template, or transformers to `apply_chat_template`.
RESERVED_NAMES = frozenset(
    """messages conversation tools documents add_generation_prompt continue_final_message
    chat_template tokenize tokenizer range cycler joiner""".split()
).union(GLOBALS)
#: bos_token, additional_special_tokens …
SPECIAL_TOKENS = r".*_tokens?"


class KwargsRefused(ValueError):
    """A variable that cannot be set. path: dotted, below the object; "" is the object."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def check_chat_template_kwargs(kwargs: ChatTemplateKwargs) -> None:
    """Refuse names that are the server's, and objects that are too large or too deep.

    Raises:
        KwargsRefused: the first that is wrong.
    """
    characters = 0
    for name, value in kwargs.items():
        if not re.fullmatch(NAME, name):
            raise KwargsRefused(name[:64], "must be a name of letters, digits and underscores")
        if name in RESERVED_NAMES or re.fullmatch(SPECIAL_TOKENS, name):
            raise KwargsRefused(name, "cannot be set: the server sets it")
        characters += len(name)
        for depth, item in _items(value):
            if depth > MAX_DEPTH:
                raise KwargsRefused(name, f"is nested more than {MAX_DEPTH} levels deep")
            characters += len(item) if isinstance(item, str) else 1
            if isinstance(item, str) and SPECIAL_TOKEN_GUARD in item:
                code = f"U+{ord(SPECIAL_TOKEN_GUARD):04X}"
                raise KwargsRefused(name, f"{code} is a private character this server reserves")
        if characters > MAX_CHARACTERS:
            raise KwargsRefused("", f"has more than {MAX_CHARACTERS} characters")


def guard_kwargs(kwargs: ChatTemplateKwargs, special_texts: tuple[str, ...]) -> dict[str, Any]:
    """The same variables, with the special tokens' texts in them guarded."""
    return {name: _guarded(value, special_texts) for name, value in kwargs.items()}


def texts_of(kwargs: ChatTemplateKwargs) -> Iterator[str]:
    """All strings in the values, keys included."""
    for value in kwargs.values():
        yield from (item for _, item in _items(value) if isinstance(item, str))


def _items(value: object) -> Iterator[tuple[int, object]]:
    """All values and keys in a JSON value, each with its depth."""
    stack: list[tuple[int, object]] = [(1, value)]
    while stack:
        depth, item = stack.pop()
        yield depth, item
        if isinstance(item, list):
            stack += [(depth + 1, inner) for inner in item]
        elif isinstance(item, dict):
            stack += [(depth + 1, inner) for pair in item.items() for inner in pair]


def _guarded(value: Any, special_texts: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return guard_special_tokens(value, special_texts)
    if isinstance(value, list):
        return [_guarded(item, special_texts) for item in value]
    if isinstance(value, dict):
        return {
            guard_special_tokens(key, special_texts): _guarded(item, special_texts)
            for key, item in value.items()
        }
    return value
