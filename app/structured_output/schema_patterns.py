"""Patterns of a JSON schema in the grammar library's own syntax, where the two differ.

Knows nothing about what a pattern is for. JSON Schema's patterns are ECMAScript's, and most who
check an answer use their own language's: what these read differently is narrowed to what all take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class UnsupportedPattern(ValueError):
    """It cannot be kept to; the message says what it has."""


#: Characters that a JSON text of ours cannot spell. The library mistakes classes that hold them.
_UNSPELLED = r"\x00-\x07\x0b\x0e-\x1f\x7f"
_BLANK = r"\x20\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
#: What each short form surely holds, and what it may hold.
_SHORT = {
    "d": ("0-9", r"\p{Nd}"),
    "w": ("0-9A-Z_a-z", r"\p{L}\p{M}\p{N}\p{Pc}"),
    "s": (r"\t\n\x0c\r" + _BLANK, r"\t-\r\x1c-\x1f\x{85}\x{feff}" + _BLANK),
}
_CONTROL = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_HEX = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_PROPERTY = re.compile(r"[pP](\{[^}]*\}|[A-Z])")
_COUNT = re.compile(r"\{\d+(,\d*)?\}")
_GROUP = re.compile(r"\(\?(:|P?<(?![=!])[^>]*>|[ims]+[:)]|[ims]*-[ims]+[:)])")
_WORDS = {"b": "word boundaries", "B": "word boundaries", "k": "backreferences"}


def translate_pattern(pattern: str) -> tuple[str, bool]:
    """The pattern as the library must be told it, itself where there is no difference; and whether
    there are texts that only some readers think it matches, which the library then does not.

    Raises:
        UnsupportedPattern
    """
    reader = _Reader(pattern)
    return reader.everything(), reader.narrowed


@dataclass(slots=True)
class _Reader:
    """Goes through a pattern once."""

    text: str
    at: int = 0
    narrowed: bool = False

    def everything(self) -> str:
        written = []
        while self.at < len(self.text):
            written.append(self._one())
        return "".join(written)

    def _one(self) -> str:
        here = self.text[self.at]
        if here == "\\":
            return self._escape()
        if here == "[":
            return self._class()
        if self.text.startswith("(?", self.at):
            return self._group()
        if here == "{" and (count := _COUNT.match(self.text, self.at)):
            self.at = count.end()
            return count[0]
        if self.text.startswith("{,", self.at):
            raise UnsupportedPattern("a count that begins with a comma")
        self.at += 1
        return "\\" + here if here in "{}]" else here

    def _group(self) -> str:
        found = _GROUP.match(self.text, self.at)
        if found is None:
            kind = self.text[self.at : self.at + 4]
            around = kind[2:3] in ("=", "!") or kind[2:4] in ("<=", "<!")
            raise UnsupportedPattern("look-around" if around else f"a group that begins {kind!r}")
        self.at = found.end()
        return found[0]

    def _escape(self) -> str:
        """One that stands outside of a class."""
        letter = self.text[self.at + 1 : self.at + 2]
        if letter == "A":
            self.at += 2
            return r"\A"
        if letter in _WORDS or (letter.isdigit() and letter != "0"):
            raise UnsupportedPattern(_WORDS.get(letter, "backreferences"))
        item = self._item()
        if isinstance(item, int):
            # As it is, so that it is seen in the schema's text that this one is needed.
            return chr(item) if chr(item) not in _SPECIAL else "\\" + chr(item)
        sure, _ = item
        return self._without_unspelled(f"[{sure}]")

    def _class(self) -> str:
        self.at += 1
        negated = self.text.startswith("^", self.at)
        self.at += negated
        if self.text.startswith("]", self.at):
            raise UnsupportedPattern("a class that begins with ]")
        items = []
        while not self.text.startswith("]", self.at):
            items.append(self._range(negated))
        self.at += 1
        return self._without_unspelled(f"[{'^' if negated else ''}{''.join(items)}]")

    def _range(self, negated: bool) -> str:
        """A character, a range of them, or a short form."""
        low = self._item(in_class=True)
        if not isinstance(low, int):
            return low[negated]
        dash = self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at)
        if not dash:
            return _code(low)
        self.at += 1
        high = self._item(in_class=True)
        if not isinstance(high, int):  # a dash before a short form is one
            return _code(low) + _code(ord("-")) + high[negated]
        if high < low:
            raise UnsupportedPattern("a range whose end is before its beginning")
        return f"{_code(low)}-{_code(high)}"

    def _item(self, in_class: bool = False) -> int | tuple[str, str]:
        """A character's number, or what a short form surely holds and may hold."""
        here, letter = self._next(0), self._next(1)
        if not here:
            raise UnsupportedPattern("a class without an end")
        if here != "\\":
            self.at += 1
            return ord(here)
        if found := _HEX.match(self.text, self.at + 1):
            self.at = found.end()
            number = int(next(filter(None, found.groups())), 16)
            if 0xD800 <= number < 0xE000 or number > 0x10FFFF:
                raise UnsupportedPattern("half a character")
            return number
        if found := _PROPERTY.match(self.text, self.at + 1):
            self.at = found.end()
            return "\\" + found[0], "\\" + found[0]
        self.at += 2
        if letter.lower() in _SHORT:
            self.narrowed = True
            sure, maybe = _SHORT[letter.lower()]
            return (sure, maybe) if letter.islower() else (f"[^{maybe}]", f"[^{sure}]")
        return self._character(letter, in_class)

    def _character(self, letter: str, in_class: bool) -> int:
        """What a backslash and `letter`, which have been read, stand for."""
        following = self._next(0)
        if letter in _CONTROL:
            return _CONTROL[letter]
        if letter == "b" and in_class:
            return 8
        if letter == "0" and not following.isdigit():
            return 0
        if letter == "c" and following.isascii() and following.isalpha():
            self.at += 1
            return ord(following) % 32
        if not letter or letter.isalnum():
            raise UnsupportedPattern(f"\\{letter}")
        return ord(letter)

    def _next(self, ahead: int) -> str:
        """The character so far ahead; "" at the end."""
        return self.text[self.at + ahead : self.at + ahead + 1]

    def _without_unspelled(self, written: str) -> str:
        """The class without the characters that cannot be spelled; as it is where it has none."""
        if _PLAIN.fullmatch(written):
            return written
        self.narrowed = True
        return f"[{written}&&[^{_UNSPELLED}]]"


_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
_PLAIN = re.compile(r"\[(?!\^)([0-9A-Za-z_]|\\x\{(?!7f)([2-9a-f][0-9a-f]|[0-9a-f]{3,})\}|-)*\]")


def _code(character: int) -> str:
    """A character in a class, which means nothing else there."""
    shown = chr(character)
    return shown if shown.isascii() and shown.isalnum() else f"\\x{{{character:02x}}}"
