"""Bytes of a request body to a JSON object, or an error that says what is wrong and where."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass

from app.protocol.errors import BadRequest

MAX_DEPTH = 64
#: Bounds of what one request may be made of, far above what clients send: 2,048 inputs, histories
#: and tools by the thousand, a million token ids. Python needs seconds, and hundreds of bytes, for
#: a body that is nothing but brackets.
MAX_CONTAINERS = 100_000
MAX_KEYS = 200_000
MAX_VALUES = 1_000_000
_INT64 = 2**63

# A bracket, or what is between two: a string (without its end it runs to the end), and what
# follows it. Possessive, so that no text makes it slow.
_PART = re.compile(
    r'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?+([^"\[\]{}]*+)|([^"\[\]{}]++)', re.DOTALL
)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_NOT_UTF8 = (
    "The body is not UTF-8 (byte {position}). Windows shells often send Chinese text in the "
    "system's own code page (GBK, for example): write the JSON to a file saved as UTF-8 and "
    "send that with `curl --data-binary @file.json`, or run `chcp 65001` first."
)
_BOM = "The body begins with a byte order mark; save the JSON as UTF-8 without one (no BOM)."


@dataclass(frozen=True, slots=True)
class _Fault:
    """Stands in the parsed value where something that JSON or we do not allow was."""

    message: str
    key: str | None = None


def parse_object(body: bytes) -> dict[str, object]:
    """The JSON object that `body` holds.

    Raises:
        BadRequest: not UTF-8, not JSON, nested more than 64 deep, made of too many values, NaN
            or an infinity, a number out of range, half a surrogate pair, a key given twice, or
            not an object.
    """
    text = _decode(body)
    _refuse_deep_and_many(body, text)
    loader = _Loader()
    value = loader.load(text)
    if not loader.clean or _ESCAPED_SURROGATE.search(text):
        _find_fault(value, "")
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object: {...}")
    return value


def _decode(body: bytes) -> str:
    if not body.strip():
        raise BadRequest("The body is empty; it must be a JSON object")
    if body.startswith(b"\xef\xbb\xbf"):
        raise BadRequest(_BOM)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(_NOT_UTF8.format(position=error.start)) from None


def _refuse_deep_and_many(body: bytes, text: str) -> None:
    """json.loads recurses, so a body nested deeper than Python's stack must not reach it; nor
    may one of millions of values, which would stop all threads while they are made."""
    containers = body.count(b"[") + body.count(b"{")
    keys, values = body.count(b":"), body.count(b",")
    if containers <= MAX_DEPTH and keys <= MAX_KEYS and values <= MAX_VALUES:
        return
    depth = containers = keys = values = 0  # those outside strings
    for match in _PART.finditer(text):
        group = match.lastindex
        if group is not None:
            outside = match[group]
            keys, values = keys + outside.count(":"), values + outside.count(",")
        elif match.group() in "[{":
            depth, containers = depth + 1, containers + 1
            if depth > MAX_DEPTH:
                raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep")
        else:
            depth -= 1
        if containers > MAX_CONTAINERS or keys > MAX_KEYS or values > MAX_VALUES:
            raise BadRequest(
                f"The body holds more than {MAX_VALUES:,} values, {MAX_KEYS:,} keys or "
                f"{MAX_CONTAINERS:,} lists and objects; send several requests"
            )


class _Loader:
    """json.loads with hooks that put a _Fault where they find one, so that a walk over the
    value can tell its place. Owned by one call."""

    def __init__(self) -> None:
        self.clean = True

    def load(self, text: str) -> object:
        """The value of `text`. Raises BadRequest when it is no JSON."""
        try:
            value: object = json.loads(
                text,
                parse_int=self._whole,
                parse_float=self._number,
                parse_constant=self._constant,
                object_pairs_hook=self._pairs,
            )
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise BadRequest(f"The body is not valid JSON: {error.msg} ({place})") from None
        return value

    def _fault(self, message: str, key: str | None = None) -> _Fault:
        self.clean = False
        return _Fault(message, key)

    def _whole(self, digits: str) -> int | _Fault:
        # int() of thousands of digits is slow, and an error above 4300.
        if len(digits) > 20 or not -_INT64 <= int(digits) < _INT64:
            return self._fault("is a whole number outside 64 bits")
        return int(digits)

    def _number(self, digits: str) -> float | _Fault:
        value = float(digits)
        return value if math.isfinite(value) else self._fault("is a number too large")

    def _constant(self, name: str) -> _Fault:
        return self._fault(f"is {name}, which JSON does not have")

    def _pairs(self, items: list[tuple[str, object]]) -> dict[str, object] | _Fault:
        result = dict(items)
        if len(result) == len(items):
            return result
        counts = Counter(key for key, _ in items)
        return self._fault("is given twice", counts.most_common(1)[0][0])


def _find_fault(value: object, path: str) -> None:
    """Raise for the first fault in `value`, if there is any."""
    if isinstance(value, _Fault):
        _refuse(value, path)
    elif isinstance(value, str):
        _refuse_surrogates(value, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _find_fault(item, _join(path, str(index)))
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_surrogates(key, path)
            _find_fault(item, _join(path, key))


def _refuse(fault: _Fault, path: str) -> None:
    if fault.key is not None:
        _refuse_surrogates(fault.key, path)
        path = _join(path, fault.key)
    raise BadRequest(f"{path or 'The body'} {fault.message}", path or None)


def _refuse_surrogates(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"{path or 'A key'} has half of a surrogate pair, which is no character"
        raise BadRequest(message, path or None) from None


def _join(path: str, name: str) -> str:
    return f"{path}.{name[:100]}" if path else name[:100]
