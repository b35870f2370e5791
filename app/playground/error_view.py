"""A form's failure as the page tells it: in its own words, with the labels it shows.

Knows nothing about requests or engines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.playground.forms import Form
from app.playground.parameters import Parameter, parameters
from app.protocol.errors import Failure
from app.translations.error_texts import Explanation, explain

#: Fields whose label has another key than their name.
_LABELS = {"stop": "stop_texts"}
_TEXTS = {"prompt": "prompt", "messages": "message", "input": "input"}


def explain_failure(
    failure: Failure, words: Mapping[str, str], kind: str, form: Form
) -> Explanation:
    """What to tell of `failure` beside the form of `kind`."""
    param = (failure.param or "").partition(".")[0]
    names: list[str | None] = [failure.code]
    places: dict[str, object] = {"seconds": failure.retry_after_s or 1}
    if param in _TEXTS:
        names.append("text" if form.text(_TEXTS[param]).strip() else "empty")
    elif label := words.get(_LABELS.get(param, param)):
        places["field"] = label
        names += [_range_of(param, kind, form, places), "field"]
    return explain(words, failure.status, names, tab=kind, places=places)


def _range_of(name: str, kind: str, form: Form, places: dict[str, object]) -> str | None:
    """How a number's range is told, where its value lies outside; its ends go into `places`."""
    found = [p for p in parameters(kind) if p.name == name] if kind != "embeddings" else []
    if not found or _fits(found[0], form.text(name).strip()):
        return None
    parameter = found[0]
    places["min"] = f"{parameter.least:g}"
    if parameter.most is None:
        return "field_integer_min"
    places["max"] = f"{parameter.most:g}"
    if parameter.whole:
        return "field_integer_range"
    return "field_exclusive_min" if parameter.above else "field_range"


def _fits(parameter: Parameter, text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    low = number > parameter.least if parameter.above else number >= parameter.least
    return (
        low
        and number <= (parameter.most or math.inf)
        and (not parameter.whole or number.is_integer())
    )
