"""Qwen3-Coder's format: <function=NAME> with <parameter=KEY>value</parameter> in a tool call."""

from __future__ import annotations

from typing import ClassVar

from app.tool_calls.parameter_types import to_json, typed_value
from app.tool_calls.parser import END, Reading, ToolCallParser

_FUNCTION, _PARAMETER = "<function=", "<parameter="
_END_FUNCTION, _END_PARAMETER = "</function>", "</parameter>"
_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_TAGS = (_FUNCTION, _OPEN, _CLOSE, _END_FUNCTION, _PARAMETER, _END_PARAMETER)
_MAX_NAME = 256


class Qwen3CoderParser(ToolCallParser):
    """Takes calls with and without <tool_call>, which this model sometimes leaves out. Each
    parameter is sent when it is complete, as the JSON value that the tool's schema makes of it. A
    call of a tool that was not offered becomes text, as JSON."""

    special_texts: ClassVar[tuple[str, ...]] = _TAGS

    def _read(self) -> Reading:
        while (tag := (yield from self._read_text(_TAGS))) != END:
            before = self._space
            if tag == _FUNCTION:
                yield from self._read_function(before)
            elif tag == _OPEN:
                yield from self._read_opened(before)
            else:
                self._content(before)
        return END

    def _read_opened(self, before: str) -> Reading:
        after = yield from self._skip_space()
        if (yield from self._read_tag(_FUNCTION)):
            yield from self._read_function(before)
        else:
            self.unparsed += 1
            self._content(before + after)
        return END

    def _read_function(self, before: str) -> Reading:
        name = yield from self._read_name()
        if not name and self._drop_if_cut():
            return END
        if not name:
            self.unparsed += 1
            self._content(before)
            return END
        if name in self._tools:
            self._begin_call(name)
            yield from self._read_parameters(name)
        else:
            self.unparsed += 1
            self._content(f'{before}{{"name": {to_json(name)}, "arguments": ')
            yield from self._read_parameters(name)
            self._content("}")
        return END

    def _read_name(self) -> Reading:
        """What stands before ">"; "" if no name does."""
        name = ""
        while (char := (yield from self._next())) != ">":
            name += char
            if char in (END, "\n", "<") or len(name) > _MAX_NAME:
                self._push_back(name)
                return ""
        return name.strip()

    def _read_parameters(self, name: str) -> Reading:
        """Parameters up to the function's end, and </tool_call> after it."""
        offered = name in self._tools
        emit = self._arguments if offered else self._content
        schema = self._tools[name] if offered else {}
        opening, tag = "{", _PARAMETER
        while True:
            yield from self._skip_space()
            tag = yield from self._read_tag(_PARAMETER, _END_FUNCTION, _CLOSE)
            key = (yield from self._read_name()) if tag == _PARAMETER else ""
            text = (yield from self._read_value()) if key else ""
            is_whole = text.endswith(_END_PARAMETER)
            if not key or (self._cut and not is_whole):
                break
            value = text.removesuffix(_END_PARAMETER).removeprefix("\n").removesuffix("\n")
            emit(f"{opening}{to_json(key)}: {typed_value(value, key, schema)}")
            opening = ", "
            if not is_whole:
                break
        if self._ended:
            self._pushed_back.clear()  # the beginning of a tag
            if self._cut or text:
                self.unparsed += not self._cut
                return END
        self.unparsed += offered and tag not in (_END_FUNCTION, _CLOSE)
        emit("{}" if opening == "{" else "}")
        if offered:
            self._end_call()
        if tag == _END_FUNCTION:
            yield from self._skip_space()
            yield from self._read_tag(_CLOSE)
        yield from self._skip_space()
        return END

    def _read_value(self) -> Reading:
        """A parameter's text with its closing tag, or up to END without one. A closing tag after
        which the value goes on is part of it."""
        text = ""
        while (char := (yield from self._next())) != END:
            text += char
            if char == ">" and text.endswith(_END_PARAMETER):
                space = yield from self._skip_space()
                tag = yield from self._read_tag(_PARAMETER, _END_FUNCTION, _CLOSE)
                if tag or self._ended:
                    self._push_back(tag)
                    break
                self._push_back(space)
        return text
