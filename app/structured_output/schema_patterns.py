"""Translates regular expressions to the syntax of the grammar library.

JSON Schema uses ECMAScript's regular expressions, but many clients validate with those of their
own language. Where these differ, a pattern is narrowed to what all of them match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class UnsupportedPattern(ValueError):
    """The pattern cannot be translated; the message names the construct."""


#: Characters that need a \u escape in JSON, which answers do not use. The library mistakes classes
#: that contain them.
_NEED_ESCAPE = r"\x00-\x07\x0b\x0e-\x1f\x7f"
_SPACES = r"\x20\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
#: For each class escape: the characters that it has in every language, and in any language.
_CLASS_ESCAPES = {
    "d": ("0-9", r"\p{Nd}"),
    "w": ("0-9A-Z_a-z", r"\p{L}\p{M}\p{N}\p{Pc}"),
    "s": (r"\t\n\x0c\r" + _SPACES, r"\t-\r\x1c-\x1f\x{85}\x{feff}" + _SPACES),
}
_CONTROL_ESCAPES = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_CODE_POINT = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_PROPERTY = re.compile(r"[pP](\{[^}]*\}|[A-Z])")
_REPETITION = re.compile(r"\{\d+(,\d*)?\}")
_GROUP = re.compile(r"\(\?(:|P?<(?![=!])[^>]*>|[ims]+[:)]|[ims]*-[ims]+[:)])")
_UNSUPPORTED_ESCAPES = {"b": "word boundaries", "B": "word boundaries", "k": "backreferences"}


def translate_pattern(pattern: str, *, in_json: bool = True) -> tuple[str, bool]:
    """The pattern in the library's syntax, and whether it was narrowed: whether there are texts
    that only some languages match, and that the translated pattern does not.

    in_json: it is a pattern of JSON strings, so no character that needs a \\u escape matches.

    Raises:
        UnsupportedPattern: the pattern cannot be translated.
    """
    translator = _Translator(pattern, in_json)
    return translator.translate(), translator.narrowed


def portable_pattern(pattern: str) -> str:
    """The pattern with classes that are the same in every language, its characters written out: in
    the syntax that regular expressions have in common.

    Raises:
        UnsupportedPattern: the pattern cannot be translated.
    """
    translated, _ = translate_pattern(pattern, in_json=False)
    return _ESCAPED.sub(_written_out, translated)


def _written_out(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return escape[0]
    character = chr(int(escape[1], 16))
    return "\\" + character if character.isascii() and character.isprintable() else character


@dataclass(slots=True)
class _Translator:
    """Translates a pattern in one pass."""

    text: str
    in_json: bool
    position: int = 0
    narrowed: bool = False

    def translate(self) -> str:
        translated = []
        while self.position < len(self.text):
            translated.append(self._element())
        return "".join(translated)

    def _element(self) -> str:
        character = self.text[self.position]
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._class()
        if self.text.startswith("(?", self.position):
            return self._group()
        if character == "{" and (count := _REPETITION.match(self.text, self.position)):
            self.position = count.end()
            return count[0]
        if self.text.startswith("{,", self.position):
            raise UnsupportedPattern("a count that begins with a comma")
        self.position += 1
        return "\\" + character if character in "{}]" else character

    def _group(self) -> str:
        match = _GROUP.match(self.text, self.position)
        if match is None:
            kind = self.text[self.position : self.position + 4]
            around = kind[2:3] in ("=", "!") or kind[2:4] in ("<=", "<!")
            raise UnsupportedPattern("look-around" if around else f"a group that begins {kind!r}")
        self.position = match.end()
        return match[0]

    def _escape(self) -> str:
        """An escape outside of a character class."""
        letter = self.text[self.position + 1 : self.position + 2]
        if letter == "A":
            self.position += 2
            return r"\A"
        if letter in _UNSUPPORTED_ESCAPES or (letter.isdigit() and letter != "0"):
            raise UnsupportedPattern(_UNSUPPORTED_ESCAPES.get(letter, "backreferences"))
        item = self._item()
        if isinstance(item, int):
            # Unescaped, so that `may_need_unicode_escapes` finds it in the schema.
            return chr(item) if chr(item) not in _SPECIAL else "\\" + chr(item)
        in_all, _ = item
        return self._without_escaped(f"[{in_all}]")

    def _class(self) -> str:
        self.position += 1
        negated = self.text.startswith("^", self.position)
        self.position += negated
        if self.text.startswith("]", self.position):
            raise UnsupportedPattern("a class that begins with ]")
        items = []
        while not self.text.startswith("]", self.position):
            items.append(self._range(negated))
        self.position += 1
        return self._without_escaped(f"[{'^' if negated else ''}{''.join(items)}]")

    def _range(self, negated: bool) -> str:
        """A character, a range of characters or a class escape."""
        low = self._item(in_class=True)
        if not isinstance(low, int):
            return low[negated]
        dash = self.text.startswith("-", self.position) and not self.text.startswith(
            "-]", self.position
        )
        if not dash:
            return _code(low)
        self.position += 1
        high = self._item(in_class=True)
        if not isinstance(high, int):  # before a class escape, a dash is a character
            return _code(low) + _code(ord("-")) + high[negated]
        if high < low:
            raise UnsupportedPattern("a range whose end is before its beginning")
        return f"{_code(low)}-{_code(high)}"

    def _item(self, in_class: bool = False) -> int | tuple[str, str]:
        """A character's code point, or the contents of a class escape: see _CLASS_ESCAPES."""
        character, letter = self._next(0), self._next(1)
        if not character:
            raise UnsupportedPattern("a class without an end")
        if character != "\\":
            self.position += 1
            return ord(character)
        if match := _CODE_POINT.match(self.text, self.position + 1):
            self.position = match.end()
            code_point = int(next(filter(None, match.groups())), 16)
            if 0xD800 <= code_point < 0xE000 or code_point > 0x10FFFF:
                raise UnsupportedPattern("half a character")
            return code_point
        if match := _PROPERTY.match(self.text, self.position + 1):
            self.position = match.end()
            return "\\" + match[0], "\\" + match[0]
        self.position += 2
        if letter.lower() in _CLASS_ESCAPES:
            self.narrowed = True
            in_all, in_any = _CLASS_ESCAPES[letter.lower()]
            return (in_all, in_any) if letter.islower() else (f"[^{in_any}]", f"[^{in_all}]")
        return self._character(letter, in_class)

    def _character(self, letter: str, in_class: bool) -> int:
        """The code point of a backslash and `letter`, which have been read."""
        following = self._next(0)
        if letter in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[letter]
        if letter == "b" and in_class:
            return 8
        if letter == "0" and not following.isdigit():
            return 0
        if letter == "c" and following.isascii() and following.isalpha():
            self.position += 1
            return ord(following) % 32
        if not letter or letter.isalnum():
            raise UnsupportedPattern(f"\\{letter}")
        return ord(letter)

    def _next(self, ahead: int) -> str:
        """The character `ahead` of the position; "" at the end."""
        return self.text[self.position + ahead : self.position + ahead + 1]

    def _without_escaped(self, translated: str) -> str:
        """A class in JSON without the characters of _NEED_ESCAPE; unchanged if it has none."""
        if not self.in_json or _PLAIN.fullmatch(translated):
            return translated
        self.narrowed = True
        return f"[{translated}&&[^{_NEED_ESCAPE}]]"


_ESCAPED = re.compile(r"\\(?:x\{([0-9a-f]+)\}|.)", re.DOTALL)
_SPECIAL = frozenset(r"\.+*?()|[]{}^$")
_PLAIN = re.compile(r"\[(?!\^)([0-9A-Za-z_]|\\x\{(?!7f)([2-9a-f][0-9a-f]|[0-9a-f]{3,})\}|-)*\]")


def _code(character: int) -> str:
    """A character for a class, escaped unless it is an ASCII letter or digit."""
    text = chr(character)
    return text if text.isascii() and text.isalnum() else f"\\x{{{character:02x}}}"
