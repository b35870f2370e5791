"""A call as bare JSON: an answer that begins with an object of a name and arguments."""

from __future__ import annotations

from typing import ClassVar

from app.tool_calls.parser import END, WHITE_SPACE, Reading, ToolCallParser


class PlainJsonParser(ToolCallParser):
    """Takes one object, several one after the other, or a list of them, at the beginning of the
    answer. After other text, an object that looks like a call is text: it may be an example."""

    #: What may stand before calls, also after other text.
    tags: ClassVar[tuple[str, ...]] = ()

    def _read(self) -> Reading:
        before, tag = (yield from self._skip_space()), ""
        while True:
            yield from self._read_calls(before, tagged=bool(tag))
            while (tag := (yield from self._read_text(self.tags))) != END and self._pushed_back:
                self._content(self._space)  # in what was given back as text
            if tag == END:
                return END
            before = self._space + (yield from self._skip_space())

    def _read_calls(self, before: str, *, tagged: bool) -> Reading:
        """Objects, until something else comes. before: what to give back with the first."""
        calls = 0
        if (yield from self._read_tag("[")):
            before += "[" + (yield from self._skip_space())
        while True:
            char = yield from self._next()
            if char == "{":
                self._push_back(char)
                is_call = tagged or calls > 0
                text = yield from self._read_json_call(tagged=is_call, end_tags=self.tags)
                if text:
                    self._push_back(text if calls else before + text)
                    return END
                calls += 1
            elif not calls or char == END or char not in "},];" + WHITE_SPACE:
                self.unparsed += tagged and not calls
                self._push_back(char if calls else before + char)
                return END
