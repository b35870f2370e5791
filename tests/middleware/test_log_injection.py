"""A client cannot forge log lines: each entry is one line with the usual beginning."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from flask.testing import FlaskClient

from app.server.log import MAX_CHARACTERS, JsonFormatter, TextFormatter

FORGED = "2026-01-01 00:00:00,000 INFO answered status=200"
PAYLOADS = [
    f"a\r\n{FORGED}",
    f"a\n\n{FORGED}",
    f"a\u2028{FORGED}\u2029",
    f"a\x85{FORGED}\x0b\x0c",
    "a\x1b[2J\x1b[31mred\x9b0m",
    "a\x00b\x7f\x08\x08\x08",
    "a\u202egnp.exe\u2066\u200f\ufeff",
    "a\ud800b\udfff",
    'a" status=200 client="root',
    "%s %d %(message)s {0} ${jndi:ldap://x}",
    "x" * (1 << 20),
]


def record(message: str, *arguments: object, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("app.x", logging.INFO, "", 0, message, arguments, None)
    made.facts = facts
    return made


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_one_line_without_invisible_characters(payload: str) -> None:
    for made in (record("%s", payload), record("told", path=payload)):
        text = TextFormatter().format(made)
        entry = JsonFormatter().format(made)
        for line in (text, entry):
            assert len(line.splitlines()) == 1
            assert line.isprintable(), "no control, direction mark or half character is left"
            line.encode()
        assert len(text) < MAX_CHARACTERS + 200
        assert FORGED not in text.split(" ", 4)[0]
        assert isinstance(json.loads(entry), dict)
    value = TextFormatter().format(record("told", path=payload)).partition("path=")[2]
    assert " " not in value or value.startswith('"'), "a value cannot look like another name"


def test_tracebacks_are_indented() -> None:
    try:
        raise ValueError(f"x\n{FORGED}\r\x1b[31m")
    except ValueError:
        made = logging.LogRecord("app.x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    first, *rest = TextFormatter().format(made).split("\n")
    assert first.endswith(" ERROR failed")
    assert rest and all(line.startswith("    ") and line.isprintable() for line in rest)
    assert len(JsonFormatter().format(made).splitlines()) == 1


def test_whole_requests(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """Malicious paths, headers and fields, sent to the app."""
    caplog.set_level(logging.INFO)
    sent = 0
    for payload in PAYLOADS[:-1]:
        raw = payload.encode("utf-8", "surrogatepass").decode("latin-1")
        environ = {"PATH_INFO": f"/v1/{raw}", "HTTP_X_REQUEST_ID": raw, "HTTP_USER_AGENT": raw}
        client.get("/", environ_overrides=environ).close()
        fields = {"prompt": "a", "model": payload, "user": payload, payload: 1}
        client.post("/v1/completions", json=fields).close()
        sent += 2
    records = [each for each in caplog.records if each.name.startswith("app.")]
    assert len(records) == sent
    for formatter in (TextFormatter(), JsonFormatter()):
        lines = [formatter.format(each) for each in records]
        assert all(line.isprintable() and "jndi" not in line[:60] for line in lines)
        assert not any(line.startswith(FORGED) for line in lines)
