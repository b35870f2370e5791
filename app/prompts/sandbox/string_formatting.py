"""`%` formatting and `str.format` with bounded widths."""

from __future__ import annotations

import re
from typing import Any

from jinja2.sandbox import SandboxedEscapeFormatter, SandboxedFormatter

from app.prompts.sandbox.budget import BUDGET, RenderBudget

_MAX_WIDTH = 10_000
_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_DIGITS = re.compile(r"\d+")


def check_percent(budget: RenderBudget, template: str, values: Any) -> None:
    """Raise RenderBudgetExceeded if `template % values` would exceed the budget."""
    budget.spend_steps(len(template) >> 4)
    fields = 0
    for match in _PERCENT.finditer(template):
        fields += 1
        for width in match.groups():
            if width == "*":
                for value in values if isinstance(values, tuple | list) else [values]:
                    budget.check_number(value, _MAX_WIDTH)
            elif width:
                budget.check_number(_to_int(width), _MAX_WIDTH)
    budget.check_bytes(len(template) + fields * (budget.measure(values) * 6 + _MAX_WIDTH // 10))


def _to_int(digits: str) -> int:
    return int(digits) if len(digits) < 10 else _MAX_WIDTH + 1


class BudgetedFormatter(SandboxedFormatter):
    """`str.format` in the sandbox; every field is checked before it is formatted."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Format one field."""
        budget = BUDGET.get()
        for digits in _DIGITS.findall(format_spec):
            budget.check_number(_to_int(digits), _MAX_WIDTH)
        budget.check_bytes(budget.measure(value) * 6)
        return budget.charge(super().format_field(value, format_spec))

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Apply `!r`, `!s` or `!a` to a field."""
        budget = BUDGET.get()
        budget.check_bytes(budget.measure(value) * 6)
        return budget.charge(super().convert_field(value, conversion))


class BudgetedEscapeFormatter(BudgetedFormatter, SandboxedEscapeFormatter):
    """The same for `Markup`, which escapes HTML."""
