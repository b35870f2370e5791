"""Reads a JSON object from a model directory, and its values with strict types.

Every error message names the file and the key.
"""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any, NoReturn

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, read_file

#: Far above real configs: one with all added tokens has half a megabyte.
MAX_JSON_BYTES = 16 * MIB
#: Values in one file, counted by their separators: parsed, a value takes many times its text's
#: memory.
MAX_VALUES = 2_000_000
MAX_DIGITS = 400

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 80


def read_json(
    path: Path, max_bytes: int = MAX_JSON_BYTES, max_values: int = MAX_VALUES
) -> dict[str, Any]:
    """The object in `path`.

    Raises:
        StartupError: the file is missing, unreadable or too large, not UTF-8 JSON, or not an
            object.
    """
    return parse_object(read_file(path, max_bytes), str(path), max_values)


def parse_object(raw: bytes, source: str, max_values: int = MAX_VALUES) -> dict[str, Any]:
    """The JSON object in `raw`; `source` names it in error messages.

    Raises:
        StartupError: not UTF-8 JSON, a duplicate key, too many values, or not an object.
    """
    if sum(map(raw.count, (b",", b":", b"[", b"{"))) > max_values:
        raise StartupError(
            f"{source} has more than {max_values:,} values, too many for such a file"
        )
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
    except RecursionError:
        raise StartupError(f"{source} is not valid JSON: it is nested too deeply") from None
    except ValueError as error:
        raise StartupError(f"{source} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise StartupError(f"{source} holds {_kind(value)} instead of a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        _refuse_duplicate(pairs)
    return values


def _refuse_duplicate(pairs: list[tuple[str, Any]]) -> NoReturn:
    """JSON readers differ in which of two values they take."""
    seen: set[str] = set()
    duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    raise ValueError(f"it has the key {_shown.repr(duplicate)} twice")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(text)} digits")
    return int(text)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


class Fields:
    """A JSON object's values by name. null counts as absent, as in transformers."""

    def __init__(self, values: dict[str, Any], source: str) -> None:
        self.values = values
        self.source = source

    def integer(self, name: str, default: int, *, minimum: int = 1, maximum: int = 2**31) -> int:
        """A whole number from `minimum` to `maximum`. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) is not int or not minimum <= value <= maximum:
            raise self.invalid(name, f"a whole number from {minimum} to {maximum}")
        return value

    def number(
        self, name: str, default: float, *, above: float = 0.0, maximum: float = 1e30
    ) -> float:
        """A finite number greater than `above`, at most `maximum`. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) not in (int, float) or not above < value <= maximum:
            limit = f", {maximum:g} at most" if maximum < 1e30 else ""
            raise self.invalid(name, f"a number above {above:g}{limit}")
        return float(value)

    def boolean(self, name: str, default: bool) -> bool:
        """true or false. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) is not bool:
            raise self.invalid(name, "true or false")
        return value

    def text(self, name: str, default: str) -> str:
        """A string. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) is not str:
            raise self.invalid(name, "a string")
        return value

    def ids(self, name: str) -> tuple[int, ...]:
        """Token ids: a whole number, a list of them, or nothing. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return ()
        ids = value if isinstance(value, list) else [value]
        if any(type(item) is not int for item in ids):
            raise self.invalid(name, "a token id or a list of them")
        return tuple(ids)

    def invalid(self, name: str, expected: str) -> StartupError:
        """The error for a value that is not what is `expected`."""
        shown = _shown.repr(self.values.get(name))
        return StartupError(f"{self.source}: {name} is {shown}; expected {expected}")
