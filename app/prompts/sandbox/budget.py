"""The budget of one template rendering: steps of work, and bytes of the values it creates.

Work is counted, not timed, so that the result does not depend on the machine or its load.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn

from jinja2.utils import Namespace

from app.prompts import ChatTemplateError

#: A step takes about a microsecond: an iteration, call or operator, 4 kB copied or compared, or
#: 256 bytes processed by a filter or method.
MAX_STEPS = 1_000_000
STEPS_PER_MESSAGE = 200
#: Bytes of the strings and lists that a rendering creates and keeps alive.
MAX_BYTES = 64 << 20
BYTES_PER_INPUT_BYTE = 32
#: Bits of an integer: 20,000 decimal digits, far more than Python converts to a string.
MAX_BITS = 1 << 16
#: Steps between two calls of `check_cancelled`: about 20 ms.
_POLL_STEPS = 16_384
#: Strings of at least _LARGE bytes are tracked, and their bytes are reclaimed when the template
#: drops them. Dropped strings are looked for after every _RECLAIM_BYTES of large strings.
_LARGE, _RECLAIM_BYTES = 4096, 8 << 20
_ITEM = 64  #: bytes of a list item, including a short string


class RenderBudgetExceeded(ChatTemplateError):
    """The template does more than a conversation can need."""


class RenderBudget:
    """The budget of one rendering. Not thread-safe."""

    def __init__(self, messages: int, size: int, check_cancelled: Callable[[], None]) -> None:
        """messages, size: number of the conversation's messages, and their bytes.
        check_cancelled: called repeatedly; an exception it raises ends the rendering, and is
        kept in `error`."""
        self._steps = MAX_STEPS + messages * STEPS_PER_MESSAGE + size // 4
        self._bytes = MAX_BYTES + size * BYTES_PER_INPUT_BYTE
        self._poll_at = self._steps - _POLL_STEPS
        self._large: list[str | bytes] = []
        self._untracked = 0  #: bytes of large strings since the last `_reclaim`
        self._check_cancelled = check_cancelled
        self.error: BaseException | None = None  #: why the rendering ended early

    def spend_steps(self, count: int = 1) -> None:
        """Count steps of work. Raises RenderBudgetExceeded, or the error of `check_cancelled`."""
        self._steps -= count
        if self._steps < self._poll_at:
            self._poll()

    def check_bytes(self, size: int) -> None:
        """Raise RenderBudgetExceeded if creating `size` more bytes would exceed the budget."""
        if size > self._bytes:
            self._reclaim()
            if size > self._bytes:
                self._refuse("it makes more text than one conversation can need")

    def spend_bytes(self, size: int) -> None:
        """Count `size` created bytes. Raises RenderBudgetExceeded."""
        self.check_bytes(size)
        self._bytes -= size
        self.spend_steps(size >> 12)

    def charge(self, value: Any) -> Any:
        """Count the bytes of `value`, which was just created, and return it."""
        kind = type(value)
        if isinstance(value, str | bytes):
            size = sys.getsizeof(value)
            self.spend_bytes(size)
            if size >= _LARGE:
                self._large.append(value)
                self._untracked += size
                if self._untracked > _RECLAIM_BYTES:
                    self._reclaim()
        elif kind in (list, tuple, dict, set, frozenset):
            self.spend_bytes(_ITEM + _ITEM * len(value))
        elif kind is int and value.bit_length() > MAX_BITS:
            self._refuse("it computes a number of more than 20,000 digits")
        return value

    def check_copies(self, value: Any, times: int = 1) -> None:
        """Raise RenderBudgetExceeded if `times` copies of a string or list would exceed the
        budget. Values without a length are ignored."""
        try:
            items = len(value)
        except TypeError:
            return
        self.check_bytes(items * times * (1 if isinstance(value, str | bytes) else _ITEM))

    def iterate(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield `values`, counting a step for each."""
        for value in values:
            self.spend_steps()
            yield value

    def check_number(self, value: object, maximum: int) -> None:
        """Raise RenderBudgetExceeded if a width, precision or count exceeds `maximum`."""
        if isinstance(value, int) and abs(value) > maximum:
            self._refuse(f"it asks for a width, a count or a precision over {maximum}")

    def measure(self, value: Any) -> int:
        """The approximate number of characters of `str(value)`. Nested containers count, and
        values in several places count several times. Counts a step for each nested value.
        Raises RenderBudgetExceeded."""
        if isinstance(value, str | bytes):
            self.spend_steps(len(value) >> 12)
            return len(value)
        if isinstance(value, range):  # `in` may compare every number
            self.spend_steps(len(value) >> 2)
        total, stack = 0, [value]
        while stack:
            item = stack.pop()
            self.spend_steps()
            if isinstance(item, str | bytes):
                total += len(item) + 4
            elif (contents := _contents(item)) is not None:
                self.spend_steps(4)
                total += 4
                stack.extend(contents)
            else:
                total += 16 + (item.bit_length() // 3 if type(item) is int else 0)
            if total > self._bytes:
                self.check_bytes(total)
        self.spend_steps(total >> 12)
        return total

    def _reclaim(self) -> None:
        """Give back the bytes of large strings that the template has dropped. A string that
        grows in a loop leaves many of them."""
        alive = []
        for value in self._large:
            # References of the list, of the loop variable and of getrefcount's argument.
            if sys.getrefcount(value) > 3:
                alive.append(value)
            else:
                self._bytes += sys.getsizeof(value)
        self._large, self._untracked = alive, 0

    def _poll(self) -> None:
        if self.error is not None:  # a filter caught it
            raise self.error
        if self._steps < 0:
            self._refuse("it does more work than one conversation can need")
        self._poll_at = self._steps - _POLL_STEPS
        try:
            self._check_cancelled()
        except BaseException as error:
            self.error, self._poll_at = error, sys.maxsize
            raise

    def _refuse(self, reason: str) -> NoReturn:
        self.error, self._poll_at = RenderBudgetExceeded(reason), sys.maxsize
        raise self.error


def _contents(value: Any) -> Iterable[Any] | None:
    """The items of a container; None if `value` is not a container."""
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, dict):
        return [part for item in value.items() for part in item]
    if isinstance(value, type({}.items()) | type({}.keys()) | type({}.values())):
        return value
    # A namespace exposes only its attributes; the dictionary with them is private.
    if isinstance(value, Namespace):
        attributes: dict[str, Any] = object.__getattribute__(value, "_Namespace__attrs")
        return _contents(attributes)
    return None


#: The budget of the current rendering.
BUDGET: ContextVar[RenderBudget] = ContextVar("budget")
