"""An accepted request's events as pieces of its choices, echoed prompts first.

Knows nothing about routes, dialects or JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.engine.request_handle import RequestHandle
from app.engine.types import OutputDelta, Progress, PromptLogprobs
from app.generation.prompt_echo import PromptEcho
from app.protocol.completion_meta import Piece, Usage


class PieceStream:
    """One request's way back, over the engine's. Used by one HTTP thread."""

    def __init__(self, stream: RequestHandle, n: int, echoes: Sequence[PromptEcho] = ()) -> None:
        """n: choices of each prompt; echoes: one for each prompt, where that is asked for."""
        self._stream, self._n, self._echoes = stream, n, echoes
        self._completion_tokens = 0
        self._begun: set[int] = set()  #: choices that hold their prompt
        self._held: dict[int, list[Piece]] = {}  #: by prompt, while its scores are on their way

    @property
    def done(self) -> bool:
        """True when every choice has finished and all pieces were taken."""
        return self._stream.done

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        stream = self._stream
        return Usage(stream.prompt_tokens, self._completion_tokens, stream.cached_tokens)

    def next_pieces(self, timeout_s: float) -> list[Piece | Progress]:
        """Wait for news of the request, and take all there is; [] when the time is up.

        Raises:
            EngineError: the request failed; nothing more will come.
        """
        news: list[Piece | Progress] = []
        for event in self._stream.next_events(timeout_s):
            if isinstance(event, Progress):
                news.append(event)
            elif isinstance(event, PromptLogprobs):
                news += self._scored(event)
            elif isinstance(event, OutputDelta):
                self._completion_tokens += len(event.token_ids)
                piece = Piece(event.index, event.text, event.logprobs, event.finish_reason)
                news += self._after_prompt(piece)
        return news

    def wake(self) -> None:
        """End a wait in `next_pieces` now. Any thread may call it."""
        self._stream.wake()

    def cancel(self) -> None:
        """Give the request's place back; harmless when it is done."""
        self._stream.cancel()

    def _scored(self, event: PromptLogprobs) -> list[Piece]:
        """Take a prompt's scores; with the last of them its choices may begin."""
        number = event.index // self._n
        echo = self._echoes[number]
        echo.add(event.logprobs)
        if echo.missing:
            return []
        return [own for piece in self._held.pop(number, []) for own in self._after_prompt(piece)]

    def _after_prompt(self, piece: Piece) -> list[Piece]:
        """The piece, moved behind its choice's echoed prompt, which comes first; nothing while
        the prompt is not scored to its end."""
        if not self._echoes:
            return [piece]
        number = piece.index // self._n
        echo = self._echoes[number]
        if echo.missing:
            # A later choice may be ahead of the first, with which the scores come.
            self._held.setdefault(number, []).append(piece)
            return []
        moved = echo.before(piece)
        if piece.index in self._begun:
            return [moved]
        self._begun.add(piece.index)
        return [echo.piece(piece.index), moved]
