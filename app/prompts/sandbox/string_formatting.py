"""Python's two ways to format text, with the widths they may ask for bounded.

Knows nothing about templates.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2.sandbox import SandboxedEscapeFormatter, SandboxedFormatter

from app.prompts.sandbox.budget import METER, Meter

_MAX_WIDTH = 10_000
_PERCENT = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
_DIGITS = re.compile(r"\d+")


def check_percent(meter: Meter, form: str, values: Any) -> None:
    """Raise TooMuchWork when `form % values` would be too long."""
    meter.step(len(form) >> 4)
    fields = 0
    for match in _PERCENT.finditer(form):
        fields += 1
        for width in match.groups():
            if width == "*":
                for value in values if isinstance(values, tuple | list) else [values]:
                    meter.number(value, _MAX_WIDTH)
            elif width:
                meter.number(_number(width), _MAX_WIDTH)
    meter.fits(len(form) + fields * (meter.weigh(values) * 6 + _MAX_WIDTH // 10))


def _number(digits: str) -> int:
    return int(digits) if len(digits) < 10 else _MAX_WIDTH + 1


class MeteredFormatter(SandboxedFormatter):
    """`str.format` in the sandbox, each field counted before it is made."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """One field's text."""
        meter = METER.get()
        for digits in _DIGITS.findall(format_spec):
            meter.number(_number(digits), _MAX_WIDTH)
        meter.fits(meter.weigh(value) * 6)
        return meter.made(super().format_field(value, format_spec))

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """A field through `!r`, `!s` or `!a`."""
        meter = METER.get()
        meter.fits(meter.weigh(value) * 6)
        return meter.made(super().convert_field(value, conversion))


class MeteredEscapeFormatter(MeteredFormatter, SandboxedEscapeFormatter):
    """The same for text marked as HTML."""
