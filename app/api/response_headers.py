"""What a response's headers say about the request: what was ignored, what was cut."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Response

_MAX_NAMES = 16
_MAX_BYTES = 512
#: A longer name is cut, and ends in "…".
_MAX_NAME_BYTES = 160


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    """Of one answer, whole or streamed."""

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
    quoted = quote(name[: _MAX_NAME_BYTES + 1], safe="")
    if len(quoted) <= _MAX_NAME_BYTES:
        return quoted
    kept = min(len(name), _MAX_NAME_BYTES)
    while len(shown := quote(name[:kept] + "…", safe="")) > _MAX_NAME_BYTES:
        kept -= 1
    return shown
