"""The input of a tool call as it is written: always the beginning of a valid JSON object."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from app.tool_calls.json_scanner import Expected, JsonBroken, JsonScanner

#: Anthropic's documentation names this key for JSON that a model broke off or broke.
_INVALID = "INVALID_JSON"
#: What our own route would not read again is not JSON here either.
_MAX_DEPTH = 48
_MAX_LITERAL = 64
_NAMES = ("true", "false", "null")
_KEYS = (Expected.KEY, Expected.FIRST_KEY)
#: Where nothing has begun that a closing bracket would leave incomplete.
_BETWEEN = (Expected.COMMA, Expected.FIRST_KEY, Expected.FIRST_ITEM, Expected.NOTHING)
_CLOSING = {"{": "}", "[": "]"}
#: Escape sequences of a string: runs of \uXXXX, which may be surrogate pairs, or one other.
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_HIGH_SURROGATE_AT_END = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


class ToolInput:
    """Takes the JSON text of arguments that a model writes, and gives away what can become an
    object whatever follows, even nothing.

    `input` of a `tool_use` block is an object, and clients parse the pieces of a stream as they
    come: Anthropic's own packages raise an error where these are no JSON. So what is not complete
    (a key without its value, a number, half of an escape sequence) is held back. Where the answer
    ends within the arguments, they are closed. Where the model writes something else than JSON,
    all that follows is a string under the key INVALID_JSON, so that no tool takes the beginning
    for the whole.

    The text in between is the model's own, spaces and order of keys as well. A client sends back
    what it has parsed, so the next prompt can have the same keys in the same order, and the chat
    template decides about the spaces.
    """

    def __init__(self) -> None:
        self._scanner = JsonScanner()
        self._open: list[str] = []  #: brackets
        self._in_key = self._in_string = False
        self._held = ""
        self._literal = ""
        self._invalid: list[str] = []  #: what is no JSON, and all after it
        self._given: list[str] = []

    def push(self, text: str) -> str:
        """Take the next text. Returns what can be sent of it now."""
        released = "".join(map(self._push, text))
        self._given.append(released)
        return released

    def finish(self) -> str:
        """The end of the arguments: returns what is still missing of the object."""
        closing = self._closing()
        self._given.append(closing)
        return closing

    def value(self) -> dict[str, Any]:
        """The object, after `finish`."""
        text = "".join(self._given)
        value: dict[str, Any] = json.loads(text) if text else {}
        return value

    def _push(self, char: str) -> str:
        if self._invalid:
            self._invalid.append(char)
            return ""
        before = self._scanner.expected
        depth = self._scanner.depth
        try:
            self._scanner.push(char)
            self._check(char)
        except JsonBroken:
            self._invalid = [self._held, char]
            return ""
        # A comma ends a number, and is itself not the end of anything.
        ended = self._release() if before is Expected.LITERAL and char == "," else ""
        self._held += char
        self._follow(char, before, depth)
        return ended + self._release() if self._is_safe() else ended

    def _check(self, char: str) -> None:
        """Raises JsonBroken for what the scanner lets pass, but is no object, or too deep, long or
        large."""
        if not self._open and char != "{" and not char.isspace():
            raise JsonBroken("no object")
        if self._scanner.expected is Expected.LITERAL:
            self._literal += char
        elif self._literal:
            literal, self._literal = self._literal, ""
            if literal not in _NAMES and math.isinf(float(literal)):
                raise JsonBroken(literal)
        if self._scanner.depth > _MAX_DEPTH or len(self._literal) > _MAX_LITERAL:
            raise JsonBroken("too large")

    def _follow(self, char: str, before: Expected, depth: int) -> None:
        """Keep track of brackets and keys. before, depth: of the scanner before `char`."""
        now = self._scanner.expected
        if self._scanner.depth > depth:
            self._open.append(char)
        elif self._scanner.depth < depth:
            self._open.pop()
        if char == '"' and before in _KEYS:
            self._in_key = True
        elif now is Expected.COLON:
            self._in_key = False

    def _is_safe(self) -> bool:
        now = self._scanner.expected
        if now is Expected.STRING and not self._in_key:
            return not _HIGH_SURROGATE_AT_END.search(self._held)
        return now in _BETWEEN

    def _release(self) -> str:
        text = _ESCAPES.sub(_without_lone_surrogates, self._held)
        self._held = ""
        self._in_string = self._scanner.expected is Expected.STRING
        return text

    def _closing(self) -> str:
        """What completes the text that was given away."""
        if not self._open:
            is_all = self._invalid and not self._given_text().strip()
            return self._invalid_object() if is_all else ""
        text = '"' if self._in_string else ""
        text += "".join(_CLOSING[bracket] for bracket in reversed(self._open[1:]))
        if self._invalid:
            is_empty = not self._in_string and self._given_text().rstrip().endswith("{")
            comma = "" if is_empty and len(self._open) == 1 else ","
            return text + comma + self._invalid_object()[1:]
        return text + "}"

    def _invalid_object(self) -> str:
        """What is no JSON, under its key."""
        rest = json.dumps("".join(self._invalid), ensure_ascii=False)
        return f'{{"{_INVALID}":{rest}}}'

    def _given_text(self) -> str:
        return "".join(self._given)


def _without_lone_surrogates(match: re.Match[str]) -> str:
    """Escape sequences with halves of surrogate pairs, which are no text, replaced."""
    text: str = json.loads(f'"{match[0]}"')
    fixed = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return match[0] if fixed == text else json.dumps(fixed)[1:-1]
