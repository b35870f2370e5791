"""Mistral's format: [TOOL_CALLS] and a JSON list of calls, or since 2025 [TOOL_CALLS], a name,
[ARGS] and the arguments, for each call."""

from __future__ import annotations

from typing import ClassVar

from app.tool_calls.json_scanner import JsonBroken, JsonScanner
from app.tool_calls.parser import END, WHITE_SPACE, Reading, ToolCallParser

_CALLS, _ARGS, _CALL_ID = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"
_TAGS = (_CALLS,)
_MAX_NAME = 256


class MistralParser(ToolCallParser):
    """Takes both forms, and between name and arguments also [CALL_ID] with an id, or nothing."""

    special_texts: ClassVar[tuple[str, ...]] = (_CALLS, _ARGS, _CALL_ID)

    def _read(self) -> Reading:
        while (yield from self._read_text(_TAGS)) != END:
            if self._pushed_back:  # in what was given back as text
                self._content(self._space)
                continue
            before = self._space + (yield from self._skip_space())
            char = yield from self._next()
            if char == "[" or char == "{":
                self._push_back("" if char == "[" else char)
                yield from self._read_list(before + ("[" if char == "[" else ""))
            else:
                self._push_back(char)
                yield from self._read_named_call(before)
        return END

    def _read_list(self, before: str) -> Reading:
        """Objects, up to the end of their list. before: what to give back with the first."""
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
            elif calls and char != END and char in "},]" + WHITE_SPACE:
                continue
            elif not calls and char != END and char in WHITE_SPACE:
                before += char
            else:
                self.unparsed += not calls
                self._push_back(char if calls else before + char)
                return END

    def _read_named_call(self, before: str) -> Reading:
        name = yield from self._read_name()
        if (yield from self._read_tag(_CALL_ID)):
            yield from self._read_name()
        tag = yield from self._read_tag(_ARGS)
        space = yield from self._skip_space()
        brace = yield from self._read_tag("{")
        if not brace and self._drop_if_cut():
            return END
        self._push_back(brace)
        if not (name and brace):
            self.unparsed += 1
            self._push_back(before + name + space)
        elif name not in self._tools:
            self.unparsed += 1
            yield from self._give_back_call(before + name + (" " if tag else space))
        else:
            self._begin_call(name)
            yield from self._read_arguments()
        return END

    def _read_name(self) -> Reading:
        name = ""
        while len(name) < _MAX_NAME:
            char = yield from self._next()
            if char == END or not (char.isalnum() or char in "_-.:"):
                self._push_back(char)
                break
            name += char
        return name

    def _give_back_call(self, text: str) -> Reading:
        """A call of a tool that was not offered, as text."""
        scanner = JsonScanner()
        while not scanner.complete and (char := (yield from self._next())) != END:
            text += char
            try:
                scanner.push(char)
            except JsonBroken:
                break
        self._push_back(text)
        return END

    def _read_arguments(self) -> Reading:
        scanner = JsonScanner()
        while not scanner.complete:
            char = yield from self._next()
            try:
                if char == END:
                    raise JsonBroken("the answer ends")
                scanner.push(char)
            except JsonBroken:
                self._push_back(char)
                return (yield from self._end_broken_call(_TAGS, ended=False))
            self._arguments(char)
        self._end_call()
        yield from self._skip_space()
        return END
