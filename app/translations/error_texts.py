"""Translated texts for errors: what went wrong and what to do, by code, field or status.

static/js/error_texts.js does the same in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SERVER_ERRORS_FROM = 500


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One sentence on what happened and one on what to do."""

    what: str
    next: str
    space: str  #: between them: "" in Chinese

    def omits(self, message: str) -> bool:
        """Whether `message` differs from both sentences in more than case and punctuation."""
        texts = (self.what, self.next, self.what + self.next)
        return _normalized(message) not in map(_normalized, texts)


def _normalized(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def error_text(
    words: Mapping[str, str],
    status: int,
    names: Sequence[str | None] = (),
    *,
    tab: str = "",
    placeholders: Mapping[str, object] | None = None,
) -> ErrorText:
    """The text of the first of `names` that has one, else of the status.

    `placeholders` fill it. A `tab` can have its own second sentence: next_NAME_TAB.
    """
    general = (str(status), "fault" if status >= _SERVER_ERRORS_FROM else "refused")
    name = next(name for name in (*names, *general) if name and f"error_{name}" in words)
    # "field_range" falls back to "field".
    next_names = (f"next_{name}_{tab}", f"next_{name}", f"next_{name.partition('_')[0]}")
    what, then = words[f"error_{name}"], next(words[key] for key in next_names if key in words)
    values = placeholders or {}
    space = "" if what.endswith("。") else " "
    return ErrorText(what.format_map(values), then.format_map(values), space)
