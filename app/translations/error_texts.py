"""What went wrong and what to do about it, in the page's words: by code, field or status.

Knows nothing about forms or scripts; static/js/error_texts.js finds the same sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_OURS_FROM = 500


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence on what has happened and one on what to do."""

    what: str
    next: str
    blank: str  #: between them: none in Chinese

    def leaves_out(self, message: str) -> bool:
        """Whether `message` differs from the sentences in more than case and punctuation."""
        said = (self.what, self.next, self.what + self.next)
        return _bare(message) not in map(_bare, said)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def explain(
    words: Mapping[str, str],
    status: int,
    names: Sequence[str | None] = (),
    *,
    tab: str = "",
    places: Mapping[str, object] | None = None,
) -> Explanation:
    """The sentences of the first of `names` that has any, else the status's, their `places`
    filled. What to do can be a `tab`'s own: next_NAME_TAB."""
    general = (str(status), "fault" if status >= _OURS_FROM else "refused")
    name = next(name for name in (*names, *general) if name and f"error_{name}" in words)
    # For "field_range": its own sentence, else that of "field".
    nexts = (f"next_{name}_{tab}", f"next_{name}", f"next_{name.partition('_')[0]}")
    what, then = words[f"error_{name}"], next(words[key] for key in nexts if key in words)
    filled = places or {}
    blank = "" if what.endswith("。") else " "
    return Explanation(what.format_map(filled), then.format_map(filled), blank)
