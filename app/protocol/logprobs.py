"""Log-probabilities on the wire: the chat route's shape and the completions route's.

Knows nothing about how they are computed; spells tokens from the model's table of bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.engine.types import ModelInfo, TokenLogprob
from app.protocol.completion_meta import Token, Unscored

#: What OpenAI writes for "so unlikely that it makes no difference"; JSON has no infinity.
_LEAST = -9999.0


class LogprobFormatter:
    """Builds both shapes for one model. Immutable."""

    def __init__(self, info: ModelInfo) -> None:
        self._token_bytes = info.token_bytes
        self._special = dict(zip(info.special_ids, info.special_texts, strict=True))

    def chat(self, tokens: Sequence[Token]) -> dict[str, object]:
        """`logprobs` of a chat choice."""
        scored = [token for token in tokens if isinstance(token, TokenLogprob)]
        content = [
            {
                **self._entry(token.token_id, token.logprob),
                "top_logprobs": [self._entry(*pair) for pair in token.top],
            }
            for token in scored
        ]
        return {"content": content, "refusal": None}

    def completion(self, tokens: Sequence[Token]) -> dict[str, object]:
        """`logprobs` of a completion's choice."""
        return {
            "tokens": [self._name(token.token_id) for token in tokens],
            "token_logprobs": [
                None if isinstance(token, Unscored) else _finite(token.logprob) for token in tokens
            ],
            "top_logprobs": [
                None if isinstance(token, Unscored) else self._named(token) for token in tokens
            ],
            "text_offset": [token.offset for token in tokens],
        }

    def _entry(self, token_id: int, logprob: float) -> dict[str, object]:
        special = self._special.get(token_id)
        own = self._token_bytes[token_id]
        return {
            "token": special or _spelled(own, ""),
            "bytes": None if special else list(own),
            "logprob": _finite(logprob),
        }

    def _named(self, token: TokenLogprob) -> dict[str, float]:
        """The likeliest tokens and the chosen one. Of two that are spelled alike, such as a
        letter and its byte, the likelier counts."""
        pairs: Iterable[tuple[int, float]] = (*token.top, (token.token_id, token.logprob))
        named: dict[str, float] = {}
        for token_id, logprob in pairs:
            named.setdefault(self._name(token_id), _finite(logprob))
        return named

    def _name(self, token_id: int) -> str:
        """As OpenAI names tokens on this route, part of a character with a mark before it."""
        return self._special.get(token_id) or _spelled(self._token_bytes[token_id], "bytes:")


def _spelled(own: bytes, mark: str) -> str:
    """The token's text, or its bytes in hexadecimal where they are no text of their own."""
    try:
        return own.decode()
    except UnicodeDecodeError:
        return mark + "".join(f"\\x{byte:02x}" for byte in own)


def _finite(logprob: float) -> float:
    return max(logprob, _LEAST)
