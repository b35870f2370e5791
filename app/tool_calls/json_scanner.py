"""Follows a JSON value one character at a time: where it ends, and where it breaks."""

from __future__ import annotations

import json
import re
from enum import Enum, auto

_NUMBER_OR_NAME = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false|null", re.ASCII)
_IN_LITERAL = frozenset("+-.0123456789Eabcdefghijklmnopqrstuvwxyz")
_WHITE_SPACE = " \t\n\r"


class JsonBroken(ValueError):
    """What was read so far is not the beginning of a JSON value."""


class Expected(Enum):
    """What may come next."""

    VALUE = auto()
    FIRST_ITEM = auto()  #: a value, or the end of an array
    FIRST_KEY = auto()  #: a key, or the end of an object
    KEY = auto()
    COLON = auto()
    COMMA = auto()  #: or the end of the object or array
    STRING = auto()  #: more of a string
    ESCAPE = auto()  #: what follows a backslash
    HEX = auto()  #: a digit of \uXXXX
    LITERAL = auto()  #: more of a number, true, false or null
    NOTHING = auto()  #: the value is complete


_VALUES = (Expected.VALUE, Expected.FIRST_ITEM)
_KEYS = (Expected.KEY, Expected.FIRST_KEY)


class JsonScanner:
    """Takes the characters of one value (RFC 8259)."""

    def __init__(self) -> None:
        self.expected = Expected.VALUE
        self.depth = 0  #: of open objects and arrays
        self._open: list[str] = []
        self._in_key = False
        self._raw_key = ""
        self._literal = ""
        self._hex_digits = 0

    @property
    def complete(self) -> bool:
        """True after the value's last character."""
        return self.expected is Expected.NOTHING

    @property
    def key(self) -> str:
        """The key that was read last, at any depth."""
        return str(json.loads(self._raw_key))

    def push(self, char: str) -> None:
        """Take one character.

        Raises:
            JsonBroken: it cannot follow what was read.
        """
        if self.expected is Expected.STRING:
            self._push_in_string(char)
        elif self.expected is Expected.ESCAPE or self.expected is Expected.HEX:
            self._push_in_escape(char)
        elif self.expected is Expected.LITERAL and char in _IN_LITERAL:
            self._literal += char
        else:
            if self.expected is Expected.LITERAL:
                if not _NUMBER_OR_NAME.fullmatch(self._literal):
                    raise JsonBroken(self._literal)
                self._end_value()
            if char not in _WHITE_SPACE:
                self._push_between(char)

    def _push_in_string(self, char: str) -> None:
        if char < " ":
            raise JsonBroken("a control character in a string")
        if self._in_key:
            self._raw_key += char
        if char == "\\":
            self.expected = Expected.ESCAPE
        elif char == '"' and self._in_key:
            self._in_key, self.expected = False, Expected.COLON
        elif char == '"':
            self._end_value()

    def _push_in_escape(self, char: str) -> None:
        if self._in_key:
            self._raw_key += char
        if self.expected is Expected.HEX and char in "0123456789abcdefABCDEF":
            self._hex_digits -= 1
            self.expected = Expected.HEX if self._hex_digits else Expected.STRING
        elif self.expected is Expected.ESCAPE and char == "u":
            self._hex_digits, self.expected = 4, Expected.HEX
        elif self.expected is Expected.ESCAPE and char in '"\\/bfnrt':
            self.expected = Expected.STRING
        else:
            raise JsonBroken("a bad escape sequence")

    def _push_between(self, char: str) -> None:
        expected = self.expected
        if char == '"' and expected in _VALUES + _KEYS:
            self._in_key = expected in _KEYS
            self._raw_key = char if self._in_key else self._raw_key
            self.expected = Expected.STRING
        elif char in "{[" and expected in _VALUES:
            self._open.append(char)
            self.depth += 1
            self.expected = Expected.FIRST_KEY if char == "{" else Expected.FIRST_ITEM
        elif char in "}]" and self._may_close(char):
            self._open.pop()
            self.depth -= 1
            self._end_value()
        elif char == ":" and expected is Expected.COLON:
            self.expected = Expected.VALUE
        elif char == "," and expected is Expected.COMMA:
            self.expected = Expected.KEY if self._open[-1] == "{" else Expected.VALUE
        elif expected in _VALUES and char in "-0123456789tfn":
            self._literal, self.expected = char, Expected.LITERAL
        else:
            raise JsonBroken(char)

    def _may_close(self, char: str) -> bool:
        opening, first = ("{", Expected.FIRST_KEY) if char == "}" else ("[", Expected.FIRST_ITEM)
        in_place = self.expected in (first, Expected.COMMA)
        return in_place and bool(self._open) and self._open[-1] == opening

    def _end_value(self) -> None:
        self.expected = Expected.COMMA if self._open else Expected.NOTHING
