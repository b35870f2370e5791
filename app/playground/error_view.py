"""A form's error as the page shows it: translated, with the labels of its fields."""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.playground.forms import Form
from app.playground.parameters import Parameter, parameters
from app.protocol.errors import Failure
from app.translations.error_texts import ErrorText, error_text

#: Fields whose label has another key than the field's name.
_LABELS = {"stop": "stop_texts"}
_TEXTS = {"prompt": "prompt", "messages": "message", "input": "input"}


def failure_text(failure: Failure, words: Mapping[str, str], kind: str, form: Form) -> ErrorText:
    """The text shown for `failure` at the form of `kind`."""
    param = (failure.param or "").partition(".")[0]
    names: list[str | None] = [failure.code]
    placeholders: dict[str, object] = {"seconds": failure.retry_after_s or 1}
    if param in _TEXTS:
        names.append("text" if form.text(_TEXTS[param]).strip() else "empty")
    elif label := words.get(_LABELS.get(param, param)):
        placeholders["field"] = label
        names += [_range_violation(param, kind, form, placeholders), "field"]
    return error_text(words, failure.status, names, tab=kind, placeholders=placeholders)


def _range_violation(
    name: str, kind: str, form: Form, placeholders: dict[str, object]
) -> str | None:
    """The key of the violated range's text, or None; adds its ends to `placeholders`."""
    matches = [p for p in parameters(kind) if p.name == name] if kind != "embeddings" else []
    if not matches or _fits(matches[0], form.text(name).strip()):
        return None
    parameter = matches[0]
    placeholders["min"] = f"{parameter.minimum:g}"
    if parameter.maximum is None:
        return "field_integer_min"
    placeholders["max"] = f"{parameter.maximum:g}"
    if parameter.integer:
        return "field_integer_range"
    return "field_exclusive_min" if parameter.exclusive_minimum else "field_range"


def _fits(parameter: Parameter, text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    is_above_minimum = (
        number > parameter.minimum if parameter.exclusive_minimum else number >= parameter.minimum
    )
    return (
        is_above_minimum
        and number <= (parameter.maximum or math.inf)
        and (not parameter.integer or number.is_integer())
    )
