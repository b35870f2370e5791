"""Field types: exact JSON types, closed ranges."""

from __future__ import annotations

import math

import pytest
from marshmallow import ValidationError, fields

from app.protocol.fields import (
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    Unsupported,
)

ODD = [None, "1", "", [], {}, [1], {"a": 1}]


def read(field: fields.Field[object], value: object) -> object:
    return field._deserialize(value, None, None)


@pytest.mark.parametrize("value", [*ODD, True, 1e30, 3.5, -1.0, math.nan, math.inf, 0, 9])
def test_whole_refuses(value: object) -> None:
    with pytest.raises(ValidationError):
        read(StrictInteger(1, 8), value)


@pytest.mark.parametrize("value", [*ODD, True, math.nan, math.inf, -math.inf, -0.01, 2.01, 10**30])
def test_number_refuses(value: object) -> None:
    with pytest.raises(ValidationError):
        read(StrictNumber(0, 2), value)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, 5e-324, 1, 2, 2.0])
def test_number_takes(value: float) -> None:
    result = read(StrictNumber(0, 2), value)
    assert result == value
    assert isinstance(result, float)


@pytest.mark.parametrize(("value", "fits"), [(0, False), (-0.0, False), (5e-324, True), (10, True)])
def test_open_end(value: float, fits: bool) -> None:
    field = StrictNumber(0, 10, above_minimum=True)
    if fits:
        assert read(field, value) == value
    else:
        with pytest.raises(ValidationError, match="above 0"):
            read(field, value)


@pytest.mark.parametrize("value", [*ODD, 0, 1, "true"])
def test_switch_refuses(value: object) -> None:
    with pytest.raises(ValidationError):
        read(StrictBoolean(), value)


def test_text_choices() -> None:
    assert read(StrictString("a", "b"), "b") == "b"
    with pytest.raises(ValidationError, match='"a", "b"'):
        read(StrictString("a", "b"), "c")


@pytest.mark.parametrize(
    ("no_op", "value", "passes"),
    [
        (0, 0.0, True),
        (0, False, False),
        (False, 0, False),
        (False, False, True),
        ({}, {}, True),
        ({}, [], False),
        ({"type": "text"}, {"type": "text"}, True),
        ({"type": "text"}, {"type": "text", "x": 1}, False),
    ],
)
def test_unsupported(no_op: object, value: object, passes: bool) -> None:
    if passes:
        read(Unsupported(no_op), value)
    else:
        with pytest.raises(ValidationError, match="not supported"):
            read(Unsupported(no_op), value)
