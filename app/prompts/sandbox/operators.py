"""Checks operators and methods of Python's built-in types against the budget before they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinMethodType, MethodType
from typing import Any

from markupsafe import Markup

from app.prompts.sandbox.budget import MAX_BITS, RenderBudget
from app.prompts.sandbox.string_formatting import check_percent

_PADDING_METHODS = frozenset("center expandtabs ljust rjust to_bytes zfill".split())
_SPLITTING_METHODS = frozenset("split splitlines".split())
#: Their time is proportional to the length of the text times the length of the argument.
_SEARCHING_METHODS = frozenset("lstrip rfind rindex rpartition rsplit rstrip strip".split())
_SMALL_INTEGER = 1 << 30  #: below this, only `**` gives large numbers
_CHECKED_TYPES = (str, bytes, int, float, list, tuple, range, dict, set, frozenset)


def check_operator(budget: RenderBudget, operator: str, left: Any, right: Any) -> None:
    """Raise RenderBudgetExceeded if `left operator right` would exceed the budget."""
    budget.spend_steps()
    if type(left) is type(right) is int and operator != "**":
        if abs(left) < _SMALL_INTEGER and abs(right) < _SMALL_INTEGER:
            return
    if isinstance(left, int) and isinstance(right, int):
        _check_integers(budget, operator, left, right)
    elif operator == "*":
        times, copied = (left, right) if isinstance(left, int) else (right, left)
        if isinstance(times, int):
            budget.check_copies(copied, max(times, 0))
    elif operator == "%" and isinstance(left, str | bytes):
        template = left if isinstance(left, str) else left.decode("latin-1")
        check_percent(budget, template, right)
    elif operator == "+":
        budget.check_copies(left)
        budget.check_copies(right)


def _check_integers(budget: RenderBudget, operator: str, left: int, right: int) -> None:
    bits = left.bit_length()
    if operator == "**":
        result_bits = bits * max(right, 0) if bits > 1 else 0
    elif operator == "*":
        result_bits = bits + right.bit_length()
    else:
        result_bits = max(bits, right.bit_length())
    budget.check_number(result_bits, MAX_BITS)
    budget.spend_steps(result_bits * result_bits >> 20)  # long division takes quadratic time


def check_method(
    budget: RenderBudget, function: Any, args: tuple[Any, ...], keyword_values: Iterable[Any] = ()
) -> tuple[Any, ...]:
    """Check a call of `function` if it is a method of a built-in type.

    keyword_values: the values of the keyword arguments.

    Returns the positional arguments to call it with; an iterator that was consumed for the check
    is replaced by a list.

    Raises:
        RenderBudgetExceeded: the call would exceed the budget.
    """
    if not isinstance(function, BuiltinMethodType | MethodType):
        return args
    owner, name = function.__self__, function.__name__
    if not isinstance(owner, _CHECKED_TYPES):
        if name == "changed":  # `loop.changed` compares its arguments
            budget.measure(list(args))
        return args
    growth = 6 if isinstance(owner, Markup) else 1  # `"` becomes `&#34;`
    size = len(owner) if isinstance(owner, str | bytes) else 0
    budget.spend_steps(size >> 6)
    if isinstance(owner, list | tuple | range):  # count and index visit all items
        budget.spend_steps(len(owner) >> 2)
    if name == "join" and args:
        if isinstance(args[0], Iterator):
            args = (list(budget.iterate(args[0])), *args[1:])
        budget.check_copies(args[0])
        parts = budget.measure(args[0])
        budget.check_bytes(growth * (parts + parts * size))
    elif name in _PADDING_METHODS:
        for width in (*args, *keyword_values):
            if isinstance(width, int):
                tabs = size + 1 if name == "expandtabs" else 1
                budget.check_bytes(size + max(width, 0) * tabs)
    elif name == "replace" and len(args) > 1:
        budget.check_bytes(growth * (size + _count(owner, args[0]) * budget.measure(args[1])))
    elif name == "translate" and args and isinstance(args[0], Mapping):
        budget.check_bytes(size * (1 + budget.measure(args[0])))
    elif name in _SEARCHING_METHODS:
        max_length = max([budget.measure(value) for value in (*args, *keyword_values)], default=0)
        budget.spend_steps(size * max_length >> 10)
        budget.check_bytes(64 * size if name == "rsplit" else size)
    elif name in _SPLITTING_METHODS:
        separator = args[0] if args and isinstance(args[0], str | bytes) else None
        budget.check_bytes(64 * (size if separator is None else _count(owner, separator) + 1))
    else:
        budget.check_bytes(4 * growth * size)
        for value in (*args, *keyword_values):
            budget.measure(value)
    return args


def _count(text: Any, part: Any) -> int:
    try:
        return int(text.count(part))
    except TypeError:  # the method itself will raise it
        return 0
