"""A prompt as the beginning of its choices' text, with its tokens' scores if they are asked for.

Knows nothing about how a prompt came to its text and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.engine.types import TokenIds, TokenLogprob
from app.protocol.completion_meta import Piece, Token, Unscored
from app.tokenizer.token_offsets import PlacingDecoder


class PromptEcho:
    """Gathers one prompt's scores. Used by one HTTP thread."""

    def __init__(
        self, text: str, ids: TokenIds, token_bytes: Sequence[bytes], *, scored: bool
    ) -> None:
        self._text = text
        self._offsets = _offsets(text, ids, token_bytes) if scored else []
        self._tokens: list[Token] = [Unscored(ids[0])] if scored else []

    @property
    def missing(self) -> int:
        """Scores that have not come yet."""
        return len(self._offsets) - len(self._tokens)

    def add(self, scores: Sequence[TokenLogprob]) -> None:
        """Take the next tokens' scores."""
        for score in scores:
            self._tokens.append(replace(score, offset=self._offsets[len(self._tokens)]))

    def piece(self, index: int) -> Piece:
        """The prompt as the first piece of one choice."""
        return Piece(index, self._text, tuple(self._tokens), is_prompt=True)

    def before(self, piece: Piece) -> Piece:
        """A piece of an answer, its tokens' places counted from the prompt's beginning."""
        shift = len(self._text)
        tokens = tuple(replace(token, offset=token.offset + shift) for token in piece.tokens)
        return replace(piece, tokens=tokens)


def _offsets(text: str, ids: TokenIds, token_bytes: Sequence[bytes]) -> list[int]:
    """Where each token's text begins. The tokens may spell a blank before the text."""
    decoder = PlacingDecoder(token_bytes)
    starts = [decoder.push(token).start for token in ids]
    decoder.finish()
    before = max(0, decoder.length - len(text))
    return [min(max(0, start - before), len(text)) for start in starts]
