"""Jinja's filters and tests, each with what its arguments may make it do counted first.

Knows nothing about any one template.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.prompts.sandbox.budget import METER, Meter
from app.prompts.sandbox.string_formatting import check_percent

_PASSES = "jinja_pass_arg"  #: Jinja's mark of a function that gets the context, or the like
#: Neither compare nor print their value, and make no more than a list of its items.
_SHALLOW = frozenset(
    "abs attr batch count d default first items last length list map random reject rejectattr "
    "reverse safe select selectattr slice".split()
)
#: Read an iterator to its end.
_CONSUMING = frozenset("groupby join list max min reverse sort sum unique".split())
_COMPARING = frozenset("dictsort groupby max min sort sum unique".split())
#: Run regular expressions or Python code over the text: a hundred times the work.
_SLOW = frozenset("pprint striptags title truncate urlencode urlize wordwrap xmlattr".split())
_TESTS = frozenset("!= < <= == > >= eq equalto ge greaterthan gt in le lessthan lt ne".split())
_MAX_WIDTH = 100_000
_MAX_PRECISION = 300  #: of a float, past which Python has no more digits
#: The most characters a filter makes of one: `"` is six in JSON (\\u0022) or HTML.
_GROWTH = 6


def metered_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter; raises TooMuchWork before it would do or make too much."""
    lead = 1 if hasattr(function, _PASSES) else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        meter = METER.get()
        meter.step()
        own = list(args[lead:])
        if own and name in _CONSUMING and isinstance(own[0], Iterator):
            own[0] = list(meter.each(own[0]))
        _check(meter, name, own, kwargs)
        result = function(*args[:lead], *own, **kwargs)
        return meter.each(result) if isinstance(result, Iterator) else meter.made(result)

    return run


def metered_test(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same test; raises TooMuchWork before it would compare too much."""
    lead = 1 if hasattr(function, _PASSES) else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        meter = METER.get()
        meter.step()
        if name in _TESTS:
            for value in args[lead:]:
                meter.weigh(value)
        return function(*args, **kwargs)

    return run


def _check(meter: Meter, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    if not args:
        return
    value, options = args[0], [*args[1:], *kwargs.values()]
    if name in _SHALLOW:
        _check_copies(meter, name, value, options)
        return
    size = meter.weigh(value)
    grown = sum(map(meter.weigh, options))
    meter.fits(size * _GROWTH)
    meter.step(size >> 8)
    if name in _SLOW:  # some cut the text again and again
        meter.step((size >> 1) + (size * size >> 17))
    if name == "trim":
        meter.step(size * grown >> 12)
    if name in _COMPARING:
        _check_comparisons(meter, name, value, size)
    elif name == "join":
        meter.fits(size + _length(value) * grown)
    elif name == "replace" and options:
        meter.fits(size + str(value).count(str(options[0])) * grown)
    elif name == "format":
        check_percent(meter, str(value), args[1:] or kwargs)
    elif name == "round":
        for option in options:
            meter.number(option, _MAX_PRECISION)
    elif name in ("center", "indent", "wordwrap", "tojson", "truncate"):
        _check_widths(meter, name, value, size, options)


def _check_copies(meter: Meter, name: str, value: Any, options: Sequence[Any]) -> None:
    """Filters that make lists: of a string's characters, too."""
    if name in ("list", "batch", "slice", "reverse"):
        meter.fits(64 * _length(value))
    if name in ("batch", "slice"):
        for option in options:
            meter.number(option, _MAX_WIDTH)


def _check_comparisons(meter: Meter, name: str, value: Any, size: int) -> None:
    count = _length(value)
    meter.step(16 * count + (size >> 4))
    if name == "sum":  # of lists: each sum is a new one
        lists = any(isinstance(item, list | tuple) for item in _items(value))
        meter.step(count * size >> 6 if lists else 0)


def _check_widths(meter: Meter, name: str, value: Any, size: int, options: Sequence[Any]) -> None:
    widest = 0
    for option in options:
        meter.number(option, _MAX_WIDTH if name != "truncate" else 1 << 62)
        if isinstance(option, str | bytes | tuple | list):
            widest = max(widest, meter.weigh(option))
        elif isinstance(option, int):
            widest = max(widest, abs(option))
    if name == "center":
        meter.fits(size + widest)
    elif name == "tojson":
        meter.fits(size * _GROWTH + _nodes_by_depth(meter, value) * widest)
    elif name != "truncate":  # a width at each line; each character may be one
        lines = size if name == "wordwrap" else str(value).count("\n") + 1
        meter.fits(size * _GROWTH + lines * widest)


def _nodes_by_depth(meter: Meter, value: Any) -> int:
    """The sum over all parts of how deep they stand: how often JSON indents."""
    total, depth, level = 0, 1, [value]
    while level:
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                below.extend(part.values())
            elif isinstance(part, list | tuple):
                below.extend(part)
        meter.step(len(below))
        total += depth * len(level)
        depth += 1
        level = below
    return total


def _length(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        return 0


def _items(value: Any) -> Any:
    try:
        return iter(value)
    except TypeError:
        return ()
