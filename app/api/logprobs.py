"""Log-probabilities on the wire: the shape of the chat route, and that of completions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.engine.events import TokenLogprob
from app.engine.model_info import TokenTexts

#: What OpenAI writes for "so unlikely that it makes no difference"; JSON has no infinity.
_MIN_LOGPROB = -9999.0


class LogprobFormatter:
    """Builds both shapes for one model. Immutable."""

    def __init__(self, texts: TokenTexts) -> None:
        self._token_bytes, self._special = texts.token_bytes, texts.special

    def chat(self, tokens: Sequence[TokenLogprob]) -> dict[str, object]:
        """`logprobs` of a chat choice."""
        content = [
            {
                **self._entry(token.token_id, token.logprob),
                "top_logprobs": [self._entry(*pair) for pair in token.top],
            }
            for token in tokens
            if token.logprob is not None
        ]
        return {"content": content, "refusal": None}

    def completion(self, tokens: Sequence[TokenLogprob]) -> dict[str, object]:
        """`logprobs` of a completion's choice."""
        return {
            "tokens": [self._name(token.token_id) for token in tokens],
            "token_logprobs": [
                None if token.logprob is None else _finite(token.logprob) for token in tokens
            ],
            "top_logprobs": [self._alternatives(token) for token in tokens],
            "text_offset": [token.offset for token in tokens],
        }

    def _entry(self, token_id: int, logprob: float) -> dict[str, object]:
        special = self._special.get(token_id)
        token = self._token_bytes[token_id]
        return {
            "token": special or _spelled(token, ""),
            "bytes": None if special else list(token),
            "logprob": _finite(logprob),
        }

    def _alternatives(self, token: TokenLogprob) -> dict[str, float] | None:
        """The likeliest tokens and the chosen one. Of two that are spelled alike, such as a
        letter and its byte, the likelier counts."""
        if token.logprob is None:
            return None
        pairs: Iterable[tuple[int, float]] = (*token.top, (token.token_id, token.logprob))
        alternatives: dict[str, float] = {}
        for token_id, logprob in pairs:
            alternatives.setdefault(self._name(token_id), _finite(logprob))
        return alternatives

    def _name(self, token_id: int) -> str:
        """As OpenAI names tokens on this route, part of a character with a mark before it."""
        return self._special.get(token_id) or _spelled(self._token_bytes[token_id], "bytes:")


def _spelled(token: bytes, mark: str) -> str:
    """The token's text, or its bytes in hexadecimal where they are not valid UTF-8."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return mark + "".join(f"\\x{byte:02x}" for byte in token)


def _finite(logprob: float) -> float:
    return max(logprob, _MIN_LOGPROB)
