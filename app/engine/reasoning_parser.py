"""Tells an answer's thinking, between two tags, from the answer, in text that comes in pieces."""

from __future__ import annotations

from enum import Enum

from app.engine.request import Reasoning


class ReasoningStage(Enum):
    """How far an answer is."""

    UNDECIDED = 0  #: white space, or a part of the start tag, so far
    THINKING = 1
    ENDED = 2  #: the end tag has come; white space after it is dropped
    ANSWER = 3


class ReasoningParser:
    """Splits one answer's text. The result does not depend on where the pieces are split.

    The thinking begins where the prompt opened it, or with a start tag that only white space
    precedes; it ends with the first end tag. Tags after that are text of the answer. White space
    next to the tags belongs to neither, but for what is after the end tag without `drop_space`.
    """

    def __init__(self, reasoning: Reasoning) -> None:
        self._start, self._end = reasoning.start_tag, reasoning.end_tag
        self._drop_space = reasoning.drop_space
        self.stage = (
            ReasoningStage.THINKING if reasoning.starts_inside else ReasoningStage.UNDECIDED
        )
        self.pending = ""  #: text that could still become a tag
        self.skipped = 0  #: characters before the answer that are not part of it
        self.thinking_end = 0  #: up to this character the text is certainly not the end tag
        self._blank = ""  #: white space at the end of the thinking so far
        self._begun = False  #: the thinking has a character that is no white space

    def push(self, text: str) -> tuple[str, str]:
        """Take new text. Returns the thinking and the answer that are now certain."""
        if self.stage is ReasoningStage.ANSWER:
            return "", text
        self.pending += text
        thinking = answer = ""
        if self.stage is ReasoningStage.UNDECIDED:
            answer = self._decide()
        if self.stage is ReasoningStage.THINKING:
            thinking = self._think()
        if self.stage is ReasoningStage.ENDED:
            answer = self._begin_answer()
        return thinking, answer

    def finish(self) -> tuple[str, str]:
        """The text held back, at the end: a part of a tag is text."""
        rest, self.pending = self.pending, ""
        if self.stage is not ReasoningStage.THINKING:
            return "", rest
        self._skip(len(rest))
        self.thinking_end = self.skipped
        return self._trimmed(rest), ""

    def _decide(self) -> str:
        """Take the start tag; or return the text, if it does not begin with one."""
        text = self.pending.lstrip()
        if text.startswith(self._start):
            self._skip(len(self.pending) - len(text) + len(self._start))
            self.pending, self.thinking_end = text[len(self._start) :], self.skipped
            self.stage = ReasoningStage.THINKING
            return ""
        if self._start.startswith(text):
            return ""
        self.stage, answer = ReasoningStage.ANSWER, self.pending
        self.pending = ""
        return answer

    def _think(self) -> str:
        """Take the thinking, and the end tag if it is there."""
        text, tag, rest = self.pending.partition(self._end)
        if not tag:
            held = _partial_length(text, self._end)
            text, rest = text[: len(text) - held], text[len(text) - held :]
        self._skip(len(text))
        self.thinking_end, self.pending = self.skipped, rest
        if tag:
            self._skip(len(tag))
            self.stage = ReasoningStage.ENDED
        return self._trimmed(text)

    def _begin_answer(self) -> str:
        answer = self.pending.lstrip() if self._drop_space else self.pending
        self._skip(len(self.pending) - len(answer))
        self.pending = ""
        if answer:
            self.stage = ReasoningStage.ANSWER
        return answer

    def _skip(self, characters: int) -> None:
        self.skipped += characters

    def _trimmed(self, text: str) -> str:
        """More of the thinking, without white space at its beginning and, so far, at its end."""
        text = self._blank + text if self._begun else text.lstrip()
        body = text.rstrip()
        self._blank = text[len(body) :]
        self._begun = self._begun or bool(body)
        return body


def _partial_length(text: str, tag: str) -> int:
    """Length of the longest end of `text` that begins `tag` without completing it."""
    lengths = range(min(len(text), len(tag) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(tag[:length])), 0)
