"""Wraps Jinja's filters and tests so that their work is counted before they run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.prompts.sandbox.budget import BUDGET, RenderBudget
from app.prompts.sandbox.string_formatting import check_percent

_CONTEXT_MARK = (
    "jinja_pass_arg"  #: Jinja's attribute of functions whose first argument is the context
)
#: Do not look into the items of their value; at most make a list of them.
_WITHOUT_CONTENTS = frozenset(
    "abs attr batch count d default first items last length list map random reject rejectattr "
    "reverse safe select selectattr slice".split()
)
#: Consume an iterator completely.
_READS_ITERATOR = frozenset("groupby join list max min reverse sort sum unique".split())
_COMPARES = frozenset("dictsort groupby max min sort sum unique".split())
#: Run regular expressions or Python code over the text, which takes a hundred times as long.
_SLOW_FILTERS = frozenset(
    "pprint striptags title truncate urlencode urlize wordwrap xmlattr".split()
)
_COMPARING_TESTS = frozenset(
    "!= < <= == > >= eq equalto ge greaterthan gt in le lessthan lt ne".split()
)
_MAX_WIDTH = 100_000
_MAX_PRECISION = 300  #: digits after the point; floats do not have more
#: Characters that a filter makes of one character at most: `"` is six in JSON (\\u0022) or HTML.
_MAX_GROWTH = 6


def budgeted_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, but raising RenderBudgetExceeded before it would exceed the budget."""
    context_args = 1 if hasattr(function, _CONTEXT_MARK) else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        budget = BUDGET.get()
        budget.spend_steps()
        filter_args = list(args[context_args:])
        if filter_args and name in _READS_ITERATOR and isinstance(filter_args[0], Iterator):
            filter_args[0] = list(budget.iterate(filter_args[0]))
        _check(budget, name, filter_args, kwargs)
        result = function(*args[:context_args], *filter_args, **kwargs)
        return budget.iterate(result) if isinstance(result, Iterator) else budget.charge(result)

    return run


def budgeted_test(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, but raising RenderBudgetExceeded before it would exceed the budget."""
    context_args = 1 if hasattr(function, _CONTEXT_MARK) else 0

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        budget = BUDGET.get()
        budget.spend_steps()
        if name in _COMPARING_TESTS:
            for value in args[context_args:]:
                budget.measure(value)
        return function(*args, **kwargs)

    return run


def _check(budget: RenderBudget, name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    if not args:
        return
    value, options = args[0], [*args[1:], *kwargs.values()]
    if name in _WITHOUT_CONTENTS:
        _check_copies(budget, name, value, options)
        return
    size = budget.measure(value)
    option_size = sum(map(budget.measure, options))
    budget.check_bytes(size * _MAX_GROWTH)
    budget.spend_steps(size >> 8)
    if name in _SLOW_FILTERS:  # some take quadratic time
        budget.spend_steps((size >> 1) + (size * size >> 17))
    if name == "trim":
        budget.spend_steps(size * option_size >> 12)
    if name in _COMPARES:
        _check_comparisons(budget, name, value, size)
    elif name == "join":
        budget.check_bytes(size + _length_or_zero(value) * option_size)
    elif name == "replace" and options:
        budget.check_bytes(size + str(value).count(str(options[0])) * option_size)
    elif name == "format":
        check_percent(budget, str(value), args[1:] or kwargs)
    elif name == "round":
        for option in options:
            budget.check_number(option, _MAX_PRECISION)
    elif name in ("center", "indent", "wordwrap", "tojson", "truncate"):
        _check_widths(budget, name, value, size, options)


def _check_copies(budget: RenderBudget, name: str, value: Any, options: Sequence[Any]) -> None:
    """Check filters that make a list of the items, or of a string's characters."""
    if name in ("list", "batch", "slice", "reverse"):
        budget.check_bytes(64 * _length_or_zero(value))
    if name in ("batch", "slice"):
        for option in options:
            budget.check_number(option, _MAX_WIDTH)


def _check_comparisons(budget: RenderBudget, name: str, value: Any, size: int) -> None:
    count = _length_or_zero(value)
    budget.spend_steps(16 * count + (size >> 4))
    if name == "sum":  # each partial sum of lists is a new list
        lists = any(isinstance(item, list | tuple) for item in _iterate_or_empty(value))
        budget.spend_steps(count * size >> 6 if lists else 0)


def _check_widths(
    budget: RenderBudget, name: str, value: Any, size: int, options: Sequence[Any]
) -> None:
    max_width = 0
    for option in options:
        budget.check_number(option, _MAX_WIDTH if name != "truncate" else 1 << 62)
        if isinstance(option, str | bytes | tuple | list):
            max_width = max(max_width, budget.measure(option))
        elif isinstance(option, int):
            max_width = max(max_width, abs(option))
    if name == "center":
        budget.check_bytes(size + max_width)
    elif name == "tojson":
        budget.check_bytes(size * _MAX_GROWTH + _nodes_by_depth(budget, value) * max_width)
    elif name != "truncate":  # the width applies to each line; each character may become one
        lines = size if name == "wordwrap" else str(value).count("\n") + 1
        budget.check_bytes(size * _MAX_GROWTH + lines * max_width)


def _nodes_by_depth(budget: RenderBudget, value: Any) -> int:
    """The sum of the depths of all nested values: how many times JSON writes the indent."""
    total, depth, level = 0, 1, [value]
    while level:
        next_level: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                next_level.extend(item.values())
            elif isinstance(item, list | tuple):
                next_level.extend(item)
        budget.spend_steps(len(next_level))
        total += depth * len(level)
        depth += 1
        level = next_level
    return total


def _length_or_zero(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        return 0


def _iterate_or_empty(value: Any) -> Any:
    try:
        return iter(value)
    except TypeError:
        return ()
