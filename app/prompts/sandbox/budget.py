"""What one rendering of a template may still do: steps of work, and bytes of what it makes.

Knows nothing about Jinja's syntax. Counted, not timed: the same template and conversation are
refused always or never, on any machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn

from jinja2.utils import Namespace

from app.prompts import TemplateRefused

#: Steps of about a microsecond each: iterations, calls, operators, 4 kB copied or compared, 256
#: bytes that a filter or a method works on.
STEPS = 1_000_000
STEPS_PER_TURN = 200
#: Bytes of the strings and lists that a rendering makes and holds.
ROOM = 64 << 20
ROOM_PER_BYTE = 32
#: Bits of a whole number: 20 thousand digits, far more than Python will print.
MAX_BITS = 1 << 16
#: Steps between two looks at whether anybody still waits: some 20 ms.
_LOOK = 16_384
#: From this size on strings are kept in sight: they may be dropped. Looked at after so many.
_LARGE, _SWEEP = 4096, 8 << 20
_ITEM = 64  #: bytes that an item of a list takes, with a short string in it


class TooMuchWork(TemplateRefused):
    """The template does more than one conversation can need."""


class Meter:
    """The budget of one rendering. Owned by one thread."""

    def __init__(self, turns: int, size: int, check: Callable[[], None]) -> None:
        """turns, size: the conversation's messages and their bytes. check: called now and then
        while the work goes on; what it raises ends the rendering, and is in `fault`."""
        self._steps = STEPS + turns * STEPS_PER_TURN + size // 4
        self._room = ROOM + size * ROOM_PER_BYTE
        self._look_at = self._steps - _LOOK
        self._large: list[str | bytes] = []
        self._unseen = 0  #: bytes of large strings made since they were last looked at
        self._check = check
        self.fault: BaseException | None = None  #: why it ended early

    def step(self, count: int = 1) -> None:
        """`count` steps of work. Raises TooMuchWork, or what `check` raises."""
        self._steps -= count
        if self._steps < self._look_at:
            self._look()

    def fits(self, size: int) -> None:
        """Raise TooMuchWork unless `size` more bytes may be made; they count once they are."""
        if size > self._room:
            self._sweep()
            if size > self._room:
                self._refuse("it makes more text than one conversation can need")

    def take(self, size: int) -> None:
        """`size` more bytes are made. Raises TooMuchWork."""
        self.fits(size)
        self._room -= size
        self.step(size >> 12)

    def made(self, value: Any) -> Any:
        """`value`, which has just been made, after its own size is taken."""
        kind = type(value)
        if isinstance(value, str | bytes):
            size = sys.getsizeof(value)
            self.take(size)
            if size >= _LARGE:
                self._large.append(value)
                self._unseen += size
                if self._unseen > _SWEEP:
                    self._sweep()
        elif kind in (list, tuple, dict, set, frozenset):
            self.take(_ITEM + _ITEM * len(value))
        elif kind is int and value.bit_length() > MAX_BITS:
            self._refuse("it computes a number of more than 20,000 digits")
        return value

    def copied(self, value: Any, times: int = 1) -> None:
        """Raise TooMuchWork unless `times` copies of a string's or a list's items fit."""
        try:
            items = len(value)
        except TypeError:
            return
        self.fits(items * times * (1 if isinstance(value, str | bytes) else _ITEM))

    def each(self, values: Iterable[Any]) -> Iterator[Any]:
        """The same values, a step each."""
        for value in values:
            self.step()
            yield value

    def number(self, value: object, most: int) -> None:
        """Raise TooMuchWork when a width, a precision or the like is over `most`."""
        if isinstance(value, int) and abs(value) > most:
            self._refuse(f"it asks for a width, a count or a precision over {most}")

    def weigh(self, value: Any) -> int:
        """About how many characters `value` would have as text, however deep it is: what is in
        several places counts as often. A step for each part. Raises TooMuchWork."""
        if isinstance(value, str | bytes):
            self.step(len(value) >> 12)
            return len(value)
        if isinstance(value, range):  # a search in it may try each number
            self.step(len(value) >> 2)
        total, parts = 0, [value]
        while parts:
            part = parts.pop()
            self.step()
            if isinstance(part, str | bytes):
                total += len(part) + 4
            elif (inside := _inside(part)) is not None:
                self.step(4)
                total += 4
                parts.extend(inside)
            else:
                total += 16 + (part.bit_length() // 3 if type(part) is int else 0)
            if total > self._room:
                self.fits(total)
        self.step(total >> 12)
        return total

    def _sweep(self) -> None:
        """Get back the room of large strings that the template holds no more: a text that
        grows in a loop leaves all its shorter selves behind."""
        held = []
        for value in self._large:
            if sys.getrefcount(value) > 3:  # the list's, this loop's and the question's own
                held.append(value)
            else:
                self._room += sys.getsizeof(value)
        self._large, self._unseen = held, 0

    def _look(self) -> None:
        if self.fault is not None:  # something swallowed it
            raise self.fault
        if self._steps < 0:
            self._refuse("it does more work than one conversation can need")
        self._look_at = self._steps - _LOOK
        try:
            self._check()
        except BaseException as error:
            self.fault, self._look_at = error, sys.maxsize
            raise

    def _refuse(self, why: str) -> NoReturn:
        self.fault, self._look_at = TooMuchWork(why), sys.maxsize
        raise self.fault


def _inside(value: Any) -> Iterable[Any] | None:
    """What a container holds; None: it is none."""
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, dict):
        return [part for item in value.items() for part in item]
    if isinstance(value, type({}.items()) | type({}.keys()) | type({}.values())):
        return value
    # A namespace shows nothing but its attributes; its own dictionary has a private name.
    if isinstance(value, Namespace):
        held: dict[str, Any] = object.__getattribute__(value, "_Namespace__attrs")
        return _inside(held)
    return None


#: The meter of the rendering that this thread is in.
METER: ContextVar[Meter] = ContextVar("meter")
