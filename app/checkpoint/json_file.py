"""Reads a JSON object from a model directory and takes exactly typed values out of it.

Knows nothing about what the keys mean; every mistake names the file and the key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError

#: No honest config, index or safetensors header comes near this.
MAX_JSON_BYTES = 100 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`.

    Raises:
        StartupError: no such file, unreadable, not UTF-8 JSON, or not an object.
    """
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise StartupError(f"{path} is larger than {MAX_JSON_BYTES // 2**20} MB: not a config")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StartupError(f"{path} is missing") from None
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from None
    return parse_object(raw, str(path))


def parse_object(raw: bytes, source: str) -> dict[str, Any]:
    """The JSON object in `raw`; `source` names it in error messages.

    Raises:
        StartupError: not UTF-8 JSON, or not an object.
    """
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StartupError(f"{source} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise StartupError(f"{source} holds {_kind(value)} instead of a JSON object")
    return value


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
            raise self.wrong(name, f"a whole number from {minimum} to {maximum}")
        return value

    def number(self, name: str, default: float, *, above: float = 0.0) -> float:
        """A finite number greater than `above`. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) not in (int, float) or not above < value < 1e30:
            raise self.wrong(name, f"a number above {above:g}")
        return float(value)

    def boolean(self, name: str, default: bool) -> bool:
        """true or false. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) is not bool:
            raise self.wrong(name, "true or false")
        return value

    def text(self, name: str, default: str) -> str:
        """A string. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return default
        if type(value) is not str:
            raise self.wrong(name, "a string")
        return value

    def ids(self, name: str) -> tuple[int, ...]:
        """Token ids: a whole number, a list of them, or nothing. Raises StartupError."""
        value = self.values.get(name)
        if value is None:
            return ()
        found = value if isinstance(value, list) else [value]
        if any(type(item) is not int for item in found):
            raise self.wrong(name, "a token id or a list of them")
        return tuple(found)

    def wrong(self, name: str, expected: str) -> StartupError:
        """The error for a value that is not as `expected`."""
        shown = repr(self.values.get(name))
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return StartupError(f"{self.source}: {name} is {shown}; expected {expected}")
