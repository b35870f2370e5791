"""Asks a server under a schema, and judges what comes."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from functools import cache
from http.client import IncompleteRead
from typing import Any

import jsonschema_rs
import psutil

from tests.event_stream import read_events
from tests.harness.client import CHAT, Client, Reply
from tests.harness.waiting import wait_until
from tests.hostile_schemas.schemas import Schema

PARAM = "response_format.json_schema.schema"
#: A whole step late is a reader's business; a promise in time is tested with five times its time.
LIMIT_STEPS, MARGIN = 3, 5


def body(schema: Schema, seed: int, **fields: object) -> dict[str, Any]:
    held = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return {
        "messages": [{"role": "user", "content": "说"}], "response_format": held,
        "seed": seed, "temperature": 1.0, "max_tokens": 60, **fields,
    }  # fmt: skip


def whole_or_cut(http: Client, asked: dict[str, Any]) -> Reply:
    """An answer; of a stream that is cut off after an error, what came of it."""
    with http.open(CHAT, asked) as opened:
        try:
            return opened.reply()
        except IncompleteRead as cut:
            return Reply(opened.response.status, {}, cut.partial)


def judge(http: Client, name: str, schema: Schema, seed: int, stream: bool) -> str:
    """What became of one request: "stop", "length", "refused" or "failed"."""
    reply = whole_or_cut(http, body(schema, seed, stream=stream))
    if reply.status == 200 and stream:
        events = read_events(reply.body)
        if not events.done:
            return _failed(json.loads(reply.body.splitlines()[-2].removeprefix(b"data: ")))
        choices = [choice for chunk in events.chunks for choice in chunk["choices"]]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        reason = choices[-1]["finish_reason"]
    elif reply.status == 200:
        choice = reply.json()["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    elif reply.status == 400:
        error = reply.error()
        assert error["param"] == PARAM and error["message"], f"{name}: {error}"
        assert not any(word in error["message"] for word in ("panick", ".rs", "lexer", "fuel"))
        return "refused"
    else:
        return _failed(reply.json())
    if reason == "stop":
        check(name, text, schema)
    return str(reason)


def check(name: str, text: str, schema: Schema) -> None:
    """The answer is an instance; numbers are what is written, not the doubles near it."""
    try:
        _validator(json.dumps(schema)).validate(json.loads(text, parse_float=Decimal))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise AssertionError(f"{name}: {text[:200]!r} is no instance: {error!r:.300}") from error


@cache
def _validator(schema: str) -> Any:
    """One for each schema: to read a large one takes longer than to judge an answer. This library
    matches patterns in linear time; `re` takes for ever with some that it is given here."""
    return jsonschema_rs.validator_for(schema)


def _failed(answer: dict[str, Any]) -> str:
    assert answer["error"]["code"] == "json_schema_failed", answer
    return "failed"


def settled(http: Client) -> None:
    """Nothing is in flight, and the books balance."""

    def balanced() -> bool:
        now = http.metrics()
        ended = sum(now[f"requests_{end}_total"] for end in ("completed", "failed", "cancelled"))
        return http.in_flight() == 0 and now["requests_accepted_total"] == ended

    wait_until(balanced, lambda: str(http.metrics()))


def idle(processes: list[Any], seconds: float) -> float:
    """Processor seconds that processes and their children take within so many of any."""

    def used() -> float:
        every = [child for one in processes for child in (one, *one.children(recursive=True))]
        return sum(sum(one.cpu_times()[:2]) for one in every)

    before = used()
    time.sleep(seconds)
    return used() - before


def alive(process: psutil.Process) -> bool:
    """It runs; one that only waits to be reaped does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
