"""`truncation: auto`: a conversation without its oldest turns, so that it fits the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.engine.errors import ContextExceeded, UpstreamError
from app.generation.request import ChatInput
from app.generation.text_stream import TextStream
from app.protocol.errors import FieldRefused, RequestRefused

_SYSTEM_ROLES = ("system", "developer")


def is_too_long(error: Exception) -> bool:
    """Whether a request was refused, here or upstream, because its prompt does not fit."""
    if isinstance(error, UpstreamError):
        return error.code == "context_length_exceeded"
    return isinstance(error, FieldRefused) and isinstance(error.cause, ContextExceeded)


@dataclass(frozen=True, slots=True)
class Truncation:
    """Shorter forms of a chat. The system messages at the beginning stay, and the last turn; a
    call's output is never without its call."""

    chat: ChatInput
    fits: Callable[[ChatInput], bool]  #: as far as can be told; with room for an answer
    generate: Callable[[ChatInput], TextStream]

    def longest(self, refusal: Exception) -> TextStream:
        """What `generate` makes of the longest form that fits. refusal: of the whole chat.

        Raises:
            RequestRefused, UpstreamError: `refusal` where no form fits; what `generate` raises for
                another reason.
        """
        starts, place = self._starts(), 0
        end = len(starts)
        while place < end:
            middle = (place + end) // 2
            place, end = (place, middle) if self._fits(starts[middle]) else (middle + 1, end)
        while place < len(starts):
            try:
                return self.generate(self._from(starts[place]))
            except (RequestRefused, UpstreamError) as error:
                left = len(starts) - place
                if is_too_long(error):  # nobody could tell
                    place += left // 2 or 1
                    continue
                # Many templates want a user's message first.
                if self._role(starts[place]) == "user":
                    raise
                place = next(
                    (i for i in range(place, len(starts)) if self._role(starts[i]) == "user"),
                    len(starts),
                )
        raise refusal

    def _starts(self) -> list[int]:
        """The messages that a shorter form may go on with, after the system's."""
        messages, kept = self.chat.conversation.messages, self._kept()
        return [i for i in range(kept + 1, len(messages)) if messages[i].role != "tool"]

    def _kept(self) -> int:
        """How many system messages it begins with."""
        roles = [message.role for message in self.chat.conversation.messages]
        return next((i for i, role in enumerate(roles) if role not in _SYSTEM_ROLES), len(roles))

    def _role(self, index: int) -> str:
        return self.chat.conversation.messages[index].role

    def _fits(self, start: int) -> bool:
        return self.fits(self._from(start))

    def _from(self, start: int) -> ChatInput:
        """The chat without what is between the system's messages and `start`."""
        conversation, kept = self.chat.conversation, self._kept()
        messages, paths = conversation.messages, conversation.paths
        shorter = replace(
            conversation,
            messages=(*messages[:kept], *messages[start:]),
            paths=(*paths[:kept], *paths[start:]),
        )
        return replace(self.chat, conversation=shorter)
