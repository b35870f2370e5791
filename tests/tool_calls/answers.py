"""What models write, and what the parsers make of it. All written by hand for these tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.tool_calls.formats import ToolFormat

_STRING, _OPEN = {"type": "string"}, {"type": "object"}
TOOLS: Mapping[str, Mapping[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": _STRING,
            "days": {"type": "integer"},
            "speed": {"type": "number"},
            "metric": {"type": "boolean"},
            "at": {"type": "object"},
            "tags": {"type": "array"},
            "zip": {"anyOf": [{"type": "integer"}, _STRING, {"type": "null"}]},
            "wind": {"$ref": "#/$defs/wind"},
        },
        "$defs": {"wind": {"enum": ["m/s", 3, None]}},
    },
    "search": {"type": "object", "properties": {"query": _STRING}},
    "write_file": {"type": "object", "properties": {"path": _STRING, "text": _STRING}},
    "now": _OPEN,
}


class Call(NamedTuple):
    """A call that is expected."""

    name: str
    arguments: str  #: as sent: JSON text, or what there is of it
    ended: bool = True


class Answer(NamedTuple):
    """One answer. expected: texts and calls, in order."""

    format: ToolFormat
    text: str
    expected: tuple[str | Call, ...]
    unparsed: int = 0
    cut: bool = False


def _of(
    kind: ToolFormat, text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False
) -> Answer:
    return Answer(kind, text, expected, unparsed, cut)


def _hermes(text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False) -> Answer:
    return _of(ToolFormat.HERMES, text, *expected, unparsed=unparsed, cut=cut)


def _llama(text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False) -> Answer:
    return _of(ToolFormat.LLAMA3_JSON, text, *expected, unparsed=unparsed, cut=cut)


def _mistral(text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False) -> Answer:
    return _of(ToolFormat.MISTRAL, text, *expected, unparsed=unparsed, cut=cut)


def _coder(text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False) -> Answer:
    return _of(ToolFormat.QWEN3_CODER, text, *expected, unparsed=unparsed, cut=cut)


def _json(text: str, *expected: str | Call, unparsed: int = 0, cut: bool = False) -> Answer:
    return _of(ToolFormat.JSON, text, *expected, unparsed=unparsed, cut=cut)


_PARIS = '{"city": "Paris"}'
_WEATHER = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
_LLAMA_WEATHER = '{"name": "get_weather", "parameters": {"city": "Paris"}}'
_PARIS_CALL = Call("get_weather", _PARIS)

HERMES = (
    _hermes("Paris is the capital of France.\n", "Paris is the capital of France.\n"),
    _hermes(
        "",
    ),
    _hermes(" \n", " \n"),
    _hermes(f"<tool_call>\n{_WEATHER}\n</tool_call>", _PARIS_CALL),
    _hermes(f"<tool_call>{_WEATHER}</tool_call>", _PARIS_CALL),
    _hermes(f"\n\n<tool_call>\n{_WEATHER}\n</tool_call>\n", _PARIS_CALL),
    _hermes(f"Let me look.\n\n<tool_call>\n{_WEATHER}\n</tool_call>", "Let me look.", _PARIS_CALL),
    _hermes(
        f"查一下。<tool_call>\n{_WEATHER}\n</tool_call>\n 好的 😀",
        "查一下。",
        _PARIS_CALL,
        "好的 😀",
    ),
    _hermes(
        f"<tool_call>\n{_WEATHER}\n</tool_call>\n<tool_call>\n"
        '{"name": "now", "arguments": {}}\n</tool_call>',
        _PARIS_CALL,
        Call("now", "{}"),
    ),
    _hermes(
        f"a <tool_call>{_WEATHER}</tool_call> b <tool_call>{_WEATHER}</tool_call> c",
        "a",
        _PARIS_CALL,
        "b",
        _PARIS_CALL,
        "c",
    ),
    _hermes(f"<tool_call>{_WEATHER}\n<tool_call>{_WEATHER}", _PARIS_CALL, _PARIS_CALL),
    _hermes(f"<tool_call>\n{_WEATHER}\n{_WEATHER}\n</tool_call>", _PARIS_CALL, _PARIS_CALL),
    _hermes(f"<tool_call>[{_WEATHER},\n{_WEATHER}]</tool_call>", _PARIS_CALL, _PARIS_CALL),
    _hermes(f"<tool_call>{_WEATHER}}}</tool_call>", _PARIS_CALL),
    _hermes(f"<tool_call>{_WEATHER[:-1]}</tool_call>ok", _PARIS_CALL, "ok"),
    _hermes('<tool_call>{"name": "now"}</tool_call>', Call("now", "{}")),
    _hermes('<tool_call>{"name": "now", "arguments": null}</tool_call>', Call("now", "{}")),
    _hermes(
        '<tool_call>{"arguments": {"query": "{[\\"}"}, "id": 7, "name": "search"}</tool_call>',
        Call("search", '{"query": "{[\\"}"}'),
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": "{\\"query\\": \\"x\\"}"}</tool_call>',
        Call("search", '{"query": "x"}'),
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "</tool_call> <tool_call>"}}'
        "</tool_call>",
        Call("search", '{"query": "</tool_call> <tool_call>"}'),
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "say \\"hi\\\\\\" \\u4f60 你好 🎉"}}'
        "</tool_call>",
        Call("search", '{"query": "say \\"hi\\\\\\" \\u4f60 你好 🎉"}'),
    ),
    _hermes(
        '<tool_call>{"name": "get_weather", "arguments": {"at": {"lat": -1.5e3, "x": [true, null,'
        ' {}]}, "days": 0, "tags": []}}</tool_call>',
        Call(
            "get_weather",
            '{"at": {"lat": -1.5e3, "x": [true, null, {}]}, "days": 0, "tags": []}',
        ),
    ),
    _hermes(
        '<tool_call>{"name": "fly", "arguments": {"to": "<tool_call>"}}</tool_call> Sorry.',
        '{"name": "fly", "arguments": {"to": ""}} Sorry.',
        unparsed=1,
    ),
    _hermes(
        f'<tool_call>[{_WEATHER}, {{"name": "fly"}}]</tool_call>',
        _PARIS_CALL,
        '{"name": "fly"}]',
        unparsed=1,
    ),
    _hermes("Write <tool_call> first.", "Write  first.", unparsed=1),
    _hermes("<tool_call>not JSON</tool_call> x", "not JSON x", unparsed=1),
    _hermes('<tool_call>{"name": get}</tool_call>', '{"name": get}', unparsed=1),
    _hermes('<tool_call>{"name": 7, "arguments": {}}', '{"name": 7, "arguments": {}}', unparsed=1),
    _hermes(
        '<tool_call>{"name": "now", "arguments": [1]}',
        '{"name": "now", "arguments": [1]}',
        unparsed=1,
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "a" "b"}}</tool_call>then',
        Call("search", '{"query": "a" "b"}}'),
        "then",
        unparsed=1,
    ),
    _hermes(
        f'<tool_call>{{"name": "search", "arguments": {{"query": \'a\'}}\n<tool_call>{_WEATHER}',
        Call("search", "{\"query\": 'a'}"),
        _PARIS_CALL,
        unparsed=1,
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "a\nb"}}</tool_call>',
        Call("search", '{"query": "a\nb"}}'),
        unparsed=1,
    ),
    _hermes(
        '<tool_call>{"arguments": "{\\"query\\": \\"\\ud800\\"}", "name": "search"}</tool_call>',
        '{"arguments": "{\\"query\\": \\"\\ud800\\"}", "name": "search"}',
        unparsed=1,
    ),
    _hermes("a < b </tool b", "a < b </tool b"),
    _hermes("if a <", "if a <"),
    _hermes("done</tool_call>", "done"),
    _hermes("Look: <tool_ca", "Look: ", cut=True),
    _hermes('a <tool_call>{"name": "get_wea', "a", cut=True),
    _hermes(f'<tool_call>{_WEATHER}<tool_call>{{"name": "get_w', _PARIS_CALL, cut=True),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "ab',
        Call("search", '{"query": "ab', ended=False),
        cut=True,
    ),
    _hermes(
        '<tool_call>{"name": "search", "arguments": {"query": "ab',
        Call("search", '{"query": "ab', ended=False),
        unparsed=1,
    ),
    _hermes(f"<tool_call>{_WEATHER[:-1]}", _PARIS_CALL, cut=True),
)

LLAMA = (
    _llama("It is sunny.", "It is sunny."),
    _llama(_LLAMA_WEATHER, _PARIS_CALL),
    _llama(f"\n{_LLAMA_WEATHER}\n", _PARIS_CALL),
    _llama(f"<|python_tag|>{_LLAMA_WEATHER}", _PARIS_CALL),
    _llama(f"Well. <|python_tag|>{_LLAMA_WEATHER}", "Well.", _PARIS_CALL),
    _llama(_WEATHER, _PARIS_CALL),
    _llama(f"{_LLAMA_WEATHER}; {_LLAMA_WEATHER}", _PARIS_CALL, _PARIS_CALL),
    _llama(
        f"<|python_tag|>{_LLAMA_WEATHER}\n<|python_tag|>{_LLAMA_WEATHER}",
        _PARIS_CALL,
        _PARIS_CALL,
    ),
    _llama('{"type": "function", "name": "now", "parameters": {}}', Call("now", "{}")),
    _llama(
        '{"name": "search", "parameters": {"query": "<|python_tag|> \\"{\\" 北京"}}',
        Call("search", '{"query": "<|python_tag|> \\"{\\" 北京"}'),
    ),
    _llama(f"For example:\n{_LLAMA_WEATHER}", f"For example:\n{_LLAMA_WEATHER}"),
    _llama(f"{_LLAMA_WEATHER}\nDone: {_WEATHER}", _PARIS_CALL, f"Done: {_WEATHER}"),
    _llama("The tag <|python_tag|> begins a call.", "The tag  begins a call.", unparsed=1),
    _llama("<|python_tag|>get_weather.call(x=1)", "get_weather.call(x=1)", unparsed=1),
    _llama('{"city": "Paris", "sun": true}', '{"city": "Paris", "sun": true}'),
    _llama('{"name": "Ann", "age": 7}', '{"name": "Ann", "age": 7}'),
    _llama('{"name": "now"}', '{"name": "now"}'),
    _llama(
        '{"name": "fly", "parameters": {"a": 1}}',
        '{"name": "fly", "parameters": {"a": 1}}',
        unparsed=1,
    ),
    _llama(
        '{"name": "search", "parameters": {"query": }}',
        Call("search", '{"query": }}', ended=False),
        unparsed=1,
    ),
    _llama("[1, 2]", "[1, 2]"),
    _llama("{x}", "{x}"),
    _llama("a <|py", "a ", cut=True),
    _llama(f'{_LLAMA_WEATHER}\n{{"name": "get', _PARIS_CALL, cut=True),
    _llama('{"name": "search", "par', '{"name": "search", "par', cut=True),
    _llama(
        '{"name": "search", "parameters": {"query": "a\\',
        Call("search", '{"query": "a\\', ended=False),
        cut=True,
    ),
)

MISTRAL = (
    _mistral("Bonjour [1] [TOOL]", "Bonjour [1] [TOOL]"),
    _mistral(f"[TOOL_CALLS][{_WEATHER}]", _PARIS_CALL),
    _mistral(f"[TOOL_CALLS] [{_WEATHER}, {_WEATHER}]\n", _PARIS_CALL, _PARIS_CALL),
    _mistral(f"Voyons. [TOOL_CALLS] [{_WEATHER}] Voilà", "Voyons.", _PARIS_CALL, "Voilà"),
    _mistral(f"[TOOL_CALLS]{_WEATHER}", _PARIS_CALL),
    _mistral(f"[TOOL_CALLS]get_weather[ARGS]{_PARIS}", _PARIS_CALL),
    _mistral(f"[TOOL_CALLS]get_weather{_PARIS}", _PARIS_CALL),
    _mistral(f"[TOOL_CALLS]get_weather[CALL_ID]Ab1cd2Ef3[ARGS]{_PARIS}", _PARIS_CALL),
    _mistral(
        f"[TOOL_CALLS]get_weather[ARGS]{_PARIS}[TOOL_CALLS]now[ARGS]{{}}",
        _PARIS_CALL,
        Call("now", "{}"),
    ),
    _mistral(
        '[TOOL_CALLS]search[ARGS]{"query": "[TOOL_CALLS] é \\"] 😀"}',
        Call("search", '{"query": "[TOOL_CALLS] é \\"] 😀"}'),
    ),
    _mistral(
        '[TOOL_CALLS][{"name": "fly", "arguments": {}}]',
        '[{"name": "fly", "arguments": {}}]',
        unparsed=1,
    ),
    _mistral('[TOOL_CALLS]fly[ARGS]{"a": "}"} x', 'fly {"a": "}"} x', unparsed=1),
    _mistral("Use [TOOL_CALLS] so.", "Use  so.", unparsed=1),
    _mistral("[TOOL_CALLS][1]", "[1]", unparsed=1),
    _mistral("[TOOL_CALLS]", unparsed=1),
    _mistral(
        '[TOOL_CALLS]search[ARGS]{"query": a} [TOOL_CALLS]now[ARGS]{}',
        Call("search", '{"query": a}'),
        Call("now", "{}"),
        unparsed=1,
    ),
    _mistral("[TOOL_CALLS]get_weather[ARGS]", cut=True),
    _mistral("[TOOL_CALLS]get_wea", cut=True),
    _mistral("[TOOL_CALLS]get_weather[AR", cut=True),
    _mistral(f"[TOOL_CALLS][{_WEATHER}, {{", _PARIS_CALL, cut=True),
    _mistral('[TOOL_CALLS]search[ARGS]{"que', Call("search", '{"que', ended=False), cut=True),
    _mistral("ok [TOOL_CAL", "ok ", cut=True),
    _mistral("prog [ARGS]", "prog [ARGS]"),
)


def _function(name: str, *parameters: str) -> str:
    inner = "".join(f"<parameter={each}\n</parameter>\n" for each in parameters)
    return f"<tool_call>\n<function={name}>\n{inner}</function>\n</tool_call>"


_PARIS_FUNCTION = _function("get_weather", "city>\nParis")
_FLY_FUNCTION = _function("fly", "to>\nRome")
_SEARCH_FUNCTION = _function("search", "query>\nx")

CODER = (
    _coder("print(1 < 2)", "print(1 < 2)"),
    _coder(_PARIS_FUNCTION, _PARIS_CALL),
    _coder(
        f"I look.\n\n{_function('now')}\n{_PARIS_FUNCTION}\nDone.",
        "I look.",
        Call("now", "{}"),
        _PARIS_CALL,
        "Done.",
    ),
    _coder(
        _function("get_weather", "days>\n3", "metric>\nTrue", 'at>\n{"a": [1]}', "tags>\n[]"),
        Call("get_weather", '{"days": 3, "metric": true, "at": {"a": [1]}, "tags": []}'),
    ),
    _coder(
        _function("get_weather", "city>\n3", "days>\nthree", "zip>\n75001", "wind>\n3", "x>\n4"),
        Call("get_weather", '{"city": "3", "days": "three", "zip": 75001, "wind": 3, "x": "4"}'),
    ),
    _coder(
        _function("get_weather", "zip>\nN1", "wind>\nm/s"),
        Call("get_weather", '{"zip": "N1", "wind": "m/s"}'),
    ),
    _coder(
        _function("write_file", 'text>\ndef f():\n\n    return "<a>"\n', "path>a.py"),
        Call("write_file", '{"text": "def f():\\n\\n    return \\"<a>\\"\\n", "path": "a.py"}'),
    ),
    _coder(
        _function("search", "query>\n</function> <tool_call> </parameter> 你 \\ 🎉"),
        Call("search", '{"query": "</function> <tool_call> </parameter> 你 \\\\ 🎉"}'),
    ),
    _coder(
        _function("get_weather", 'at>\n{"a": "\\ud800"}', "speed>\n1e999", "tags>\nNaN"),
        Call(
            "get_weather", '{"at": "{\\"a\\": \\"\\\\ud800\\"}", "speed": "1e999", "tags": "NaN"}'
        ),
    ),
    _coder("<function=now>\n</function>", Call("now", "{}")),
    _coder("<tool_call><function=now></tool_call>", Call("now", "{}")),
    _coder(
        f"{_FLY_FUNCTION} So.",
        '{"name": "fly", "arguments": {"to": "Rome"}}So.',
        unparsed=1,
    ),
    _coder("The tag <tool_call> is", "The tag  is", unparsed=1),
    _coder("<tool_call>{}</tool_call>", "{}", unparsed=1),
    _coder("<function=\n", "\n", unparsed=1),
    _coder(
        "<function=search>\n<parameter=query>\nx\n</parameter>\nor so",
        Call("search", '{"query": "x\\n</parameter>\\nor so"', ended=False),
        unparsed=1,
    ),
    _coder("<function=now>why", Call("now", "{}"), "why", unparsed=1),
    _coder(
        "<function=search>\n<parameter=query>\nx\n</parameter>\n</func",
        Call("search", '{"query": "x"', ended=False),
        cut=True,
    ),
    _coder(
        "<function=search>\n<parameter=query>\nx\n</para",
        Call("search", "", ended=False),
        cut=True,
    ),
    _coder("Hm <functi", "Hm ", cut=True),
    _coder("Hm <tool_call>\n<function=get_we", "Hm", cut=True),
    _coder(
        f"{_SEARCH_FUNCTION}{_function('now')}",
        Call("search", '{"query": "x"}'),
        Call("now", "{}"),
    ),
)

PLAIN = (
    _json("Fine, thanks.", "Fine, thanks."),
    _json(_WEATHER, _PARIS_CALL),
    _json(_LLAMA_WEATHER, _PARIS_CALL),
    _json(f" {_WEATHER}\n{_WEATHER}", _PARIS_CALL, _PARIS_CALL),
    _json(f"[{_WEATHER}, {_WEATHER}]", _PARIS_CALL, _PARIS_CALL),
    _json(f"{_WEATHER} That is all.", _PARIS_CALL, "That is all."),
    _json(f"So: {_WEATHER}", f"So: {_WEATHER}"),
    _json('{"name": "now", "arguments": {}}', Call("now", "{}")),
    _json('{"arguments": {"query": "🙂"}, "name": "search"}', Call("search", '{"query": "🙂"}')),
    _json('{"name": "search", "city": 1}', '{"name": "search", "city": 1}'),
    _json(
        '{"name": "fly", "arguments": {"x": "<tool_call>"}}',
        '{"name": "fly", "arguments": {"x": "<tool_call>"}}',
        unparsed=1,
    ),
    _json('[{"a": 1}]', '[{"a": 1}]'),
    _json("[", "["),
    _json('{"name": "now", "arguments": nul', '{"name": "now", "arguments": nul', cut=True),
    _json(
        '{"name": "search", "arguments": {"query": tru}}',
        Call("search", '{"query": tru}}', ended=False),
        unparsed=1,
    ),
    _json(
        '{"name": "search", "arguments": {"query": "\\u00',
        Call("search", '{"query": "\\u00', ended=False),
        cut=True,
    ),
)

ANSWERS = (*HERMES, *LLAMA, *MISTRAL, *CODER, *PLAIN)
TAGS = {
    ToolFormat.HERMES: ("<tool_call>", "</tool_call>"),
    ToolFormat.LLAMA3_JSON: ("<|python_tag|>",),
    ToolFormat.MISTRAL: ("[TOOL_CALLS]",),
    ToolFormat.QWEN3_CODER: (
        "<tool_call>",
        "</tool_call>",
        "<function=",
        "</function>",
        "<parameter=",
        "</parameter>",
    ),
    ToolFormat.JSON: (),
}
