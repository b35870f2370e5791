"""Operators and methods of Python's own values, with what they would make counted first.

Knows nothing about Jinja's syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinMethodType, MethodType
from typing import Any

from markupsafe import Markup

from app.prompts.sandbox.budget import MAX_BITS, Meter
from app.prompts.sandbox.string_formatting import check_percent

_PADDING = frozenset("center expandtabs ljust rjust to_bytes zfill".split())
_SPLITTING = frozenset("split splitlines".split())
#: Take time for each character of the text and of what they look for.
_SEARCHING = frozenset("lstrip rfind rindex rpartition rsplit rstrip strip".split())
_SMALL = 1 << 30  #: numbers that no operator but `**` makes large
_OWNERS = (str, bytes, int, float, list, tuple, range, dict, set, frozenset)


def check_operator(meter: Meter, operator: str, left: Any, right: Any) -> None:
    """Raise TooMuchWork when `left operator right` would be too much."""
    meter.step()
    if type(left) is int and type(right) is int and -_SMALL < left < _SMALL > right > -_SMALL:
        if operator != "**":
            return
    if isinstance(left, int) and isinstance(right, int):
        _check_whole(meter, operator, left, right)
    elif operator == "*":
        times, copied = (left, right) if isinstance(left, int) else (right, left)
        if isinstance(times, int):
            meter.copied(copied, max(times, 0))
    elif operator == "%" and isinstance(left, str | bytes):
        form = left if isinstance(left, str) else left.decode("latin-1")
        check_percent(meter, form, right)
    elif operator == "+":
        meter.copied(left)
        meter.copied(right)


def _check_whole(meter: Meter, operator: str, left: int, right: int) -> None:
    bits = left.bit_length()
    if operator == "**":
        made = bits * max(right, 0) if bits > 1 else 0
    elif operator == "*":
        made = bits + right.bit_length()
    else:
        made = max(bits, right.bit_length())
    meter.number(made, MAX_BITS)
    meter.step(made * made >> 20)  # long division goes by pairs of digits


def check_method(
    meter: Meter, function: Any, args: tuple[Any, ...], named: Iterable[Any] = ()
) -> tuple[Any, ...]:
    """The arguments to call a value's method with: an iterator that it would read as a list.

    named: the values of its arguments by keyword.

    Raises:
        TooMuchWork: the method would do or make too much.
    """
    if not isinstance(function, BuiltinMethodType | MethodType):
        return args
    owner, name = function.__self__, function.__name__
    if not isinstance(owner, _OWNERS):
        if name == "changed":  # of a loop: compares
            meter.weigh(list(args))
        return args
    grown = 6 if isinstance(owner, Markup) else 1  # `"` becomes `&#34;`
    size = len(owner) if isinstance(owner, str | bytes) else 0
    meter.step(size >> 6)
    if isinstance(owner, list | tuple | range):  # counting and finding go through all of it
        meter.step(len(owner) >> 2)
    if name == "join" and args:
        if isinstance(args[0], Iterator):
            args = (list(meter.each(args[0])), *args[1:])
        meter.copied(args[0])
        parts = meter.weigh(args[0])
        meter.fits(grown * (parts + parts * size))
    elif name in _PADDING:
        for width in (*args, *named):
            if isinstance(width, int):
                tabs = size + 1 if name == "expandtabs" else 1
                meter.fits(size + max(width, 0) * tabs)
    elif name == "replace" and len(args) > 1:
        meter.fits(grown * (size + _count(owner, args[0]) * meter.weigh(args[1])))
    elif name == "translate" and args and isinstance(args[0], Mapping):
        meter.fits(size * (1 + meter.weigh(args[0])))
    elif name in _SEARCHING:
        longest = max([meter.weigh(value) for value in (*args, *named)], default=0)
        meter.step(size * longest >> 10)
        meter.fits(64 * size if name == "rsplit" else size)
    elif name in _SPLITTING:
        separator = args[0] if args and isinstance(args[0], str | bytes) else None
        meter.fits(64 * (size if separator is None else _count(owner, separator) + 1))
    else:
        meter.fits(4 * grown * size)
        for value in (*args, *named):
            meter.weigh(value)
    return args


def _count(text: Any, part: Any) -> int:
    try:
        return int(text.count(part))
    except TypeError:  # the method itself will say so
        return 0
