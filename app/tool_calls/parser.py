"""What all parsers share: text in, events out, a character at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import ClassVar

from app.tool_calls.events import ArgumentsPiece, CallBegin, CallEnd, ContentText, ToolCallEvent
from app.tool_calls.json_call import JsonCall, NotACall
from app.tool_calls.json_scanner import JsonBroken
from app.tool_calls.offered_tools import OfferedTools

#: Stands for the next character after the last one.
END = ""
WHITE_SPACE = " \t\n\r"

#: A part of a parser: it yields to get the next character, and returns what it found.
Reading = Generator[None, str, str]


class ToolCallParser(ABC):
    """Reads one answer. A format's own rules are in `_read`, written as if the whole text were
    there: where the next character has not come yet, the generator waits for it.

    - A tag is never in content, nor a part of one: text that may become a tag is held back.
    - What is no call of an offered tool is given back as text, without its tags.
    - A call begins as soon as its name is certain and its arguments begin. If they break after
      that, they are sent as the model wrote them.
    - White space beside a call is dropped, and so is a call that is cut before it begins.
    """

    #: The format's tags. Where one is a special token, it must be in the text all the same.
    special_texts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tools: OfferedTools) -> None:
        self.unparsed = 0  #: calls that could not be parsed, or that name a tool not offered
        self._tools = tools
        self._calls = 0
        self._events: list[ToolCallEvent] = []
        self._pushed_back: deque[str] = deque()
        self._ended = self._cut = False
        self._space = ""  #: white space before the tag that was found last
        self._reading = self._read()
        next(self._reading)

    def feed(self, text: str) -> list[ToolCallEvent]:
        """Take the next text of the answer. Any split gives the same events, but for the sizes
        of the pieces."""
        for char in text:
            self._reading.send(char)
        return self._take_events()

    def finish(self, *, cut: bool = False) -> list[ToolCallEvent]:
        """The end of the answer. cut: by `max_tokens`, so that the beginning of a tag at the end
        is that of a tag."""
        self._cut = cut
        try:
            self._reading.send(END)
        except StopIteration:
            return self._take_events()
        raise AssertionError("a parser must return at the end")

    @abstractmethod
    def _read(self) -> Reading:
        """Read the whole answer; returns at END."""

    def _next(self) -> Reading:
        """The next character, or END."""
        if self._pushed_back:
            return self._pushed_back.popleft()
        if not self._ended:
            char = yield
            self._ended = char == END
            return char
        return END

    def _drop_if_cut(self) -> bool:
        """Drop what is left of an answer that `max_tokens` cut in the text that is being read."""
        is_cut = self._cut and self._ended
        if is_cut:
            self._pushed_back.clear()
        return is_cut

    def _push_back(self, text: str) -> None:
        """Text that will be read again next."""
        self._pushed_back.extendleft(reversed(text))

    def _read_text(self, tags: tuple[str, ...]) -> Reading:
        """Content up to the next of `tags`, which is returned, or END. White space before the
        tag is kept in `_space`."""
        return (yield from self._read_until(tags, self._content))

    def _read_until(self, tags: tuple[str, ...], emit: Callable[[str], None]) -> Reading:
        space: list[str] = []
        part = ""  # of a tag, perhaps
        firsts = {tag[0] for tag in tags}
        while True:
            char = yield from self._next()
            if char == END:
                emit("".join(space) + ("" if self._cut else part))
                return END
            if not (part or space) and char not in firsts and char not in WHITE_SPACE:
                emit(char)
                continue
            part += char
            tag = next((tag for tag in tags if part.endswith(tag)), None)
            if tag is not None:
                self._space = "".join(space) + part[: -len(tag)]
                return tag
            certain = part[: len(part) - _part_of_tag(part, tags)]
            part = part[len(certain) :]
            text = certain.rstrip(WHITE_SPACE)
            if text:
                emit("".join(space) + text)
                space.clear()
            space.append(certain[len(text) :])

    def _skip_space(self) -> Reading:
        """White space. What follows it is read next."""
        space = ""
        while (char := (yield from self._next())) != END and char in WHITE_SPACE:
            space += char
        self._push_back(char)
        return space

    def _read_tag(self, *tags: str) -> Reading:
        """One of `tags` if the text goes on with it, else "" and nothing is read."""
        text = ""
        while any(tag.startswith(text) for tag in tags):
            if text in tags:
                return text
            char = yield from self._next()
            if char == END:
                break
            text += char
        self._push_back(text)
        return ""

    def _read_json_call(self, *, tagged: bool, end_tags: tuple[str, ...]) -> Reading:
        """A call as a JSON object, up to its last character. Returns "" if it was one, else the
        text that was read, of which nothing was sent.

        end_tags: what ends the call if its arguments break.
        """
        call, text = JsonCall(self._tools, tagged=tagged), ""
        while not call.complete:
            char = yield from self._next()
            begun = call.name is not None
            try:
                if char == END:
                    raise JsonBroken("the answer ends")
                text += "" if begun else char
                call.push(char)
            except (JsonBroken, NotACall):
                if not begun and tagged and char == END and self._drop_if_cut():
                    return ""
                if not begun:
                    if tagged or call.names_unknown_tool:
                        self.unparsed += 1
                    return text
                self._push_back(char)
                yield from self._end_broken_call(end_tags, ended=call.ended)
                return ""
            if not begun and call.name is not None:
                self._begin_call(call.name)
            self._arguments(call.take_arguments())
        self._end_call()
        return ""

    def _end_broken_call(self, end_tags: tuple[str, ...], *, ended: bool) -> Reading:
        """The rest of a call whose JSON broke. ended: after its arguments."""
        if ended:
            self._end_call()
            return ""
        tag = yield from self._read_until(end_tags, self._arguments)
        self.unparsed += tag != END or not self._cut
        if tag != END:
            self._end_call()
        self._push_back(tag)
        return ""

    def _content(self, text: str) -> None:
        self._events.append(ContentText(text))

    def _begin_call(self, name: str) -> None:
        self._events.append(CallBegin(self._calls, name))
        self._calls += 1

    def _arguments(self, text: str) -> None:
        self._events.append(ArgumentsPiece(self._calls - 1, text))

    def _end_call(self) -> None:
        self._events.append(CallEnd(self._calls - 1))

    def _take_events(self) -> list[ToolCallEvent]:
        events, self._events = self._events, []
        return list(_joined(events))


def _joined(events: Iterable[ToolCallEvent]) -> Iterator[ToolCallEvent]:
    """Events of single characters as one for each run of them."""
    for kind, group in groupby(events, type):
        if kind is ContentText or kind is ArgumentsPiece:
            pieces = [piece for piece in group if isinstance(piece, ContentText | ArgumentsPiece)]
            text = "".join(piece.text for piece in pieces)
            if text:
                yield replace(pieces[0], text=text)
        else:
            yield from group


def _part_of_tag(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end of `text` may be the beginning of one of `tags`."""
    longest = min(len(text), max(map(len, tags), default=1) - 1)
    return next(
        (
            size
            for size in range(longest, 0, -1)
            if any(tag.startswith(text[-size:]) for tag in tags)
        ),
        0,
    )
