"""Reads a call that is a JSON object: {"name": …, "arguments": {…}}."""

from __future__ import annotations

import json
from collections.abc import Container

from app.tool_calls.json_scanner import Expected, JsonScanner

#: Llama 3 calls them parameters.
_ARGUMENTS_KEYS = ("arguments", "parameters")
#: What else stands in the calls of some models.
_OTHER_KEYS = ("name", "type", "id")
_IN_STRING = (Expected.STRING, Expected.ESCAPE, Expected.HEX)


class NotACall(ValueError):
    """The object is no call of an offered tool."""


class JsonCall:
    """Takes the characters of one object, and gives the arguments' text away as it comes."""

    def __init__(self, names: Container[str], *, tagged: bool) -> None:
        """names: of the offered tools. tagged: a tag before the object says that it is a call;
        without one it is a call only with arguments, and with no keys but a call's."""
        self.name: str | None = None  #: of the tool; None until it is certain that it is called
        self.ended = False  #: all arguments were given away
        self.names_unknown_tool = False
        self._names, self._tagged = names, tagged
        self._scanner = JsonScanner()
        self._given_name: str | None = None
        self._key = ""  #: of the member that is being read
        self._value: list[str] = []
        self._in_value = self._is_streaming = False
        self._held_arguments = ""  #: until the name is known
        self._new = ""

    @property
    def complete(self) -> bool:
        """True after the object's last character."""
        return self._scanner.complete

    def take_arguments(self) -> str:
        """Arguments' text that is new since the last call of this method."""
        new, self._new = self._new, ""
        return new

    def push(self, char: str) -> None:
        """Take one character.

        Raises:
            JsonBroken: it cannot follow what was read.
            NotACall: see the class.
        """
        scanner = self._scanner
        before_value = scanner.depth == 1 and scanner.expected is Expected.VALUE
        scanner.push(char)
        if self._in_value:
            self._push_in_value(char)
        elif before_value and scanner.expected is not Expected.VALUE:
            self._begin_value(char)
        if scanner.complete:
            self._end_object()

    def _begin_value(self, char: str) -> None:
        self._key, self._value, self._in_value = self._scanner.key, [char], True
        if self._key in _ARGUMENTS_KEYS:
            self.names_unknown_tool = self._given_name not in (None, *self._offered_name())
            if self.names_unknown_tool and not self._tagged:
                raise NotACall("an unknown tool")
            if char == "{" and self._may_begin():
                self._begin(char)
                self._is_streaming = True
        elif not self._tagged and self._key not in _OTHER_KEYS:
            raise NotACall("an object with other keys")

    def _push_in_value(self, char: str) -> None:
        expected, first = self._scanner.expected, self._value[0]
        if first in "{[":
            ended = self._scanner.depth == 1
        else:
            ended = expected not in (*_IN_STRING, Expected.LITERAL)
        if not ended or first in '{["':  # what ends a number is not part of it
            if self._is_streaming:
                self._new += char
            else:
                self._value.append(char)
        if ended:
            self._in_value = False
            self._end_value()

    def _end_value(self) -> None:
        if self._is_streaming:
            self._is_streaming, self.ended = False, True
        elif self._key in _ARGUMENTS_KEYS and not self._held_arguments:
            self._held_arguments = _object_text("".join(self._value))
        elif self._key == "name" and self._given_name is None:
            if self._value[0] != '"':
                raise NotACall("the name must be a string")
            self._given_name = json.loads("".join(self._value))
        if self._held_arguments and self._may_begin():
            self._begin(self._held_arguments)
            self.ended = True

    def _end_object(self) -> None:
        if self.name is None and self._tagged and not self._held_arguments and self._may_begin():
            self._begin("{}")
            self.ended = True
        if self.name is None:
            self.names_unknown_tool = self._given_name not in (None, *self._offered_name())
            raise NotACall("no call of an offered tool")

    def _may_begin(self) -> bool:
        return self.name is None and bool(self._offered_name())

    def _offered_name(self) -> tuple[str, ...]:
        """The name, if it is known and that of an offered tool."""
        name = self._given_name
        return (name,) if name is not None and name in self._names else ()

    def _begin(self, arguments: str) -> None:
        self.name, self._new = self._given_name, arguments


def _object_text(value: str) -> str:
    """The JSON text of arguments: an object, its text in a string, or null for none.

    Raises:
        NotACall: it is something else.
    """
    try:
        if value.startswith('"'):
            value = json.loads(value)
        value.encode()  # not with half of a surrogate pair
        arguments = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NotACall("the arguments are no JSON") from error
    if arguments is None:
        return "{}"
    if not isinstance(arguments, dict):
        raise NotACall("the arguments must be an object")
    return value
