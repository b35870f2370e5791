"""Hermes' and Qwen's format: <tool_call>, a call as a JSON object, </tool_call>."""

from __future__ import annotations

from typing import ClassVar

from app.tool_calls.parser import END, WHITE_SPACE, Reading, ToolCallParser

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_TAGS = (_OPEN, _CLOSE)


class HermesParser(ToolCallParser):
    """Takes one call between the tags, several one after the other, or a list of calls, as
    SmolLM2 writes them. Missing closing tags and surplus braces are forgiven."""

    special_texts: ClassVar[tuple[str, ...]] = _TAGS

    def _read(self) -> Reading:
        while (tag := (yield from self._read_text(_TAGS))) != END:
            if self._pushed_back:  # in what was given back as text
                self._content(self._space)
            elif tag == _OPEN:
                yield from self._read_calls(self._space)
            else:
                self._content(self._space)
        return END

    def _read_calls(self, space: str) -> Reading:
        """What follows an opening tag, up to the end of its calls."""
        before = space + (yield from self._skip_space())
        calls = 0
        while True:
            char = yield from self._next()
            if char == "{":
                self._push_back(char)
                text = yield from self._read_json_call(tagged=True, end_tags=_TAGS)
                if text:
                    self._push_back(text if calls else before + text)
                    return END
                calls += 1
            elif char == "[" and not calls:
                before += char
            elif not calls:
                self.unparsed += 1
                self._push_back(before + char)
                return END
            elif char == END or char not in "},]" + WHITE_SPACE:
                self._push_back(char)
                yield from self._read_tag(_CLOSE)
                yield from self._skip_space()
                return END
