"""What an answer's headers tell its client about the request: what was ignored, what was cut.

Knows nothing about bodies or routes.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Response

_MAX_NAMES = 16
_MAX_BYTES = 512
#: Bytes of one name; what is longer ends in "…".
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """For one answer, whole or streamed."""

    ignored: tuple[str, ...] = ()  #: dotted paths of fields that were not read, sorted
    max_tokens_cut: int | None = None  #: what `max_tokens` was cut to, if it was

    def write(self, response: Response) -> None:
        """Put them into the headers."""
        if shown := self._shown():
            response.headers["X-Ignored-Parameters"] = ", ".join(shown)
        if self.max_tokens_cut is not None:
            response.headers["X-Max-Tokens-Cut"] = str(self.max_tokens_cut)

    def _shown(self) -> list[str]:
        """As many names as a header should hold."""
        shown: list[str] = []
        for name in self.ignored:
            quoted = _quoted(name)
            if quoted and len(", ".join([*shown, quoted])) <= _MAX_BYTES:
                shown.append(quoted)
            if len(shown) == _MAX_NAMES:
                break
        return shown


def _quoted(name: str) -> str:
    whole = quote(name[: _LONGEST + 1], safe="")
    if len(whole) <= _LONGEST:
        return whole
    kept = min(len(name), _LONGEST)
    while len(shown := quote(name[:kept] + "…", safe="")) > _LONGEST:
        kept -= 1
    return shown
