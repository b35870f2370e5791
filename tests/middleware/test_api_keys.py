"""API keys: which are valid, how they are sent, and reloading without a restart."""

from __future__ import annotations

import ast
import base64
import itertools
import logging
import os
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from app import create_app
from app.checkpoint.errors import StartupError
from app.middleware.api_keys import CHECK_INTERVAL_S, ApiKeyFile, read_keys
from app.middleware.credentials import MAX_HEADER_BYTES, presented_key
from config import Config
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, BOB, MakeApp, bearer

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("key", [ALICE, BOB])
@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_right_keys(keyed: FlaskClient, key: str, spelling: str) -> None:
    headers = {"Authorization": spelling.format(key)}
    answer = keyed.post("/v1/completions", json={"prompt": "a"}, headers=headers)
    assert answer.status_code == 200


WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    ALICE,
    f"Token {ALICE}",
    f"Bearer {ALICE}x",
    f"Bearer {ALICE[:-1]}",
    f"Bearer {ALICE.upper()}",
    f"Bearer {ALICE} {ALICE}",
    f"Bearer {ALICE},Bearer {ALICE}",
    f"Bearer {ALICE}, Bearer {BOB}",
    "Bearer alice",
    "Bearer #",
    "Bearer 你好".encode().decode("latin-1"),
    "Bearer \xff\xfe",
    "Bearer " + "x" * (1 << 20),
    f"Basic {ALICE}",
    "Basic !!!!",
    "Basic " + base64.b64encode(ALICE.encode()).decode(),
    "Basic " + base64.b64encode(f"{ALICE}:".encode()).decode(),
]


@pytest.mark.parametrize("header", WRONG, ids=range(len(WRONG)))
def test_wrong_keys(keyed: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = keyed.post("/v1/completions", json={"prompt": "a"}, headers=headers)
    assert answer.status_code == 401
    error = answer.get_json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert ALICE not in answer.text and BOB not in answer.text


@pytest.mark.parametrize("header", [None, "Bearer x"])
def test_the_message_names_both_headers(keyed: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = keyed.post("/v1/messages", json={}, headers=headers)
    assert answer.status_code == 401
    error = answer.get_json()["error"]
    assert error["type"] == "authentication_error"
    assert ("x-api-key: " in error["message"]) == (header is None)


def test_a_header_given_twice(make: MakeApp) -> None:
    environ = EnvironBuilder("/v1/models").get_environ()
    environ["HTTP_AUTHORIZATION"] = f"Bearer {ALICE},Bearer {ALICE}"  # as gunicorn joins them
    client = make().test_client()
    assert client.open(environ).status_code == 401


def test_a_browser_may_present_it_as_a_password(keyed: FlaskClient) -> None:
    form = {"prompt": "a"}
    page = keyed.post("/playground/completion", data=form)
    assert page.status_code == 401 and page.mimetype == "text/html"
    assert page.headers["WWW-Authenticate"].startswith("Basic ")
    password = base64.b64encode(f"anybody:{ALICE}".encode()).decode()
    page = keyed.post(
        "/playground/completion", data=form, headers={"Authorization": f"Basic {password}"}
    )
    assert page.status_code == 200 and "答案0" in page.text


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer " + "密钥".encode().decode("latin-1"), "密钥".encode()),
        ("Bearer 密钥", None),
        ("Bearer " + "x" * (MAX_HEADER_BYTES - 7), b"x" * (MAX_HEADER_BYTES - 7)),
        ("Bearer " + "x" * (MAX_HEADER_BYTES - 6), None),
        ("Basic " + base64.b64encode(b"a:b:c").decode(), b"b:c"),
        ("Basic " + base64.b64encode("a:é".encode("latin-1")).decode(), "é".encode("latin-1")),
        ("Bearer a=b", b"a=b"),
        ("Bearer " + "密à".encode().decode("latin-1"), "密à".encode()),
    ],
)
def test_what_a_header_presents(header: str, key: bytes | None) -> None:
    assert presented_key(header) == key


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes("\ufeffname  the-key\r\n\tlonely\r\n#no\r\n密 钥  # 注\r\n".encode())
    keys = read_keys(path)
    assert [key.name for key in keys] == ["name", "key-2", "密"]
    ring = ApiKeyFile(str(path))
    assert [ring.find(key.encode()) for key in ("the-key", "lonely", "钥")] == list(keys)
    assert ring.find(b"name") is None
    assert len({key.scope for key in keys}) == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "contains no API key"),
        (b"# nothing\n\n", "contains no API key"),
        (b"a secret-1 c\n", "line 1 .* has 3 words"),
        (b"a secret-1\n\nb secret-1\n", "line 3 .* repeats the key of line 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a" * (1 << 20) + b"b", "over 1 MiB"),
        (None, "is not a file"),
    ],
)
def test_files_that_stop_the_start(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartupError, match=complaint) as caught:
        ApiKeyFile(str(path))
    message = str(caught.value)
    assert "secret" not in message and "\n" not in message


def test_keys_change_without_a_restart(keys_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each check is a second after the previous one; the file is equally recent at each."""
    clock = itertools.count(9.0, 2 * CHECK_INTERVAL_S)
    keys = ApiKeyFile(str(keys_file), lambda: next(clock), lambda: keys_file.stat().st_mtime)

    def known(key: str) -> bool:
        return keys.find(key.encode()) is not None

    assert (known(ALICE), known("sk-new")) == (True, False)
    keys_file.write_text("new sk-new\n")
    assert (known(ALICE), known("sk-new")) == (False, True)
    # Same size and mtime: neither shows the change.
    moment = keys_file.stat()
    keys_file.write_text("new sk-NEW\n")
    os.utime(keys_file, ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert (known("sk-new"), known("sk-NEW")) == (False, True)
    # If the file cannot be read, the keys stay, and an error is logged.
    keys_file.write_text("a b c d\n")
    assert known("sk-NEW")
    assert "the API keys were not reloaded" in caplog.text
    keys_file.unlink()
    assert known("sk-NEW")
    # An empty file is valid: no key is accepted, and nothing becomes public.
    keys_file.write_text("")
    assert (known("sk-NEW"), known("")) == (False, False)
    assert "sk-" not in caplog.text


def test_the_file_is_looked_at_once_a_second(keys_file: Path) -> None:
    now_s = [9.0]
    keys = ApiKeyFile(str(keys_file), lambda: now_s[0])
    keys_file.write_text("new sk-new\n")
    now_s[0] += 0.9 * CHECK_INTERVAL_S
    assert keys.find(b"sk-new") is None
    now_s[0] += 0.2 * CHECK_INTERVAL_S
    assert keys.find(b"sk-new") is not None


def test_no_key_in_any_log_line(keyed: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for header in (f"Bearer {ALICE}", f"Bearer {ALICE}x", f"Basic {ALICE}"):
        keyed.post(
            "/v1/completions", json={"prompt": "a"}, headers={"Authorization": header}
        ).close()
        keyed.get(f"/v1/models/{BOB}", headers=bearer(ALICE)).close()
    assert caplog.records
    assert ALICE not in caplog.text
    logged = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert {fields["client"] for fields in logged} == {"alice", "127.0.0.1"}
    assert ALICE not in str(logged)


def test_nothing_compares_keys_but_compare_digest() -> None:
    """Keys, digests and passwords are never compared with ==, != or in, and only auth.py reads
    the header."""
    secret = re.compile(r"\b(key|keys|digest|presented|password|credentials|header)\b")
    readers = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        source = path.read_text()
        if re.search(r'"Authorization"(?!\] = )', source):
            readers.append(path.name)
        if path.parent.name != "middleware":
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Compare) and not isinstance(node.ops[0], ast.Is | ast.IsNot):
                text = ast.unparse(node)
                allowed = text in ("digest in line_of_digest", "len(header) > MAX_HEADER_BYTES")
                allowed |= "time" in text or "st_size" in text
                assert allowed or not secret.search(text), f"{path.name}: {text}"
    assert readers == ["auth.py"]
    assert (
        "hmac.compare_digest(digest, key.digest)"
        in (ROOT / "app/middleware/api_keys.py").read_text()
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Api-Key": ALICE}, 200),
        ({"x-api-key": f" {ALICE} "}, 200),
        ({"Authorization": "Bearer sk-placeholder", "X-Api-Key": ALICE}, 200),
        ({"Authorization": f"Bearer {ALICE}", "X-Api-Key": "placeholder"}, 200),
        ({"Authorization": "Token x", "X-Api-Key": ALICE}, 200),
        ({"X-Api-Key": f"{ALICE}x"}, 401),
        ({"X-Api-Key": ""}, 401),
        ({"X-Api-Key": f"Bearer {ALICE}"}, 401),
        ({"Authorization": "Bearer a", "X-Api-Key": "b"}, 401),
        ({"X-Api-Key": "x" * 8000}, 401),
    ],
)
def test_the_other_header(keyed: FlaskClient, headers: dict[str, str], status: int) -> None:
    answer = keyed.post("/v1/completions", json={"prompt": "a"}, headers=headers)
    assert answer.status_code == status


#: Their last bytes in UTF-8 are 0x85 and 0xA0, which are whitespace in Latin-1.
ODD_ENDS = ["sk-déjà", "sk-voilÅ", "sk-腅", "sk-蠠", "à", "sk-Ġ…à"]


@pytest.mark.parametrize("key", ODD_ENDS)
def test_keys_may_end_in_any_byte(engine: ScriptedEngine, tmp_path: Path, key: str) -> None:
    path = tmp_path / "odd"
    path.write_text(f"odd {key}\nother {key}x\n")
    client = create_app(Config(API_KEYS_FILE=str(path)), engine).test_client()
    sent = key.encode().decode("latin-1")  # as a WSGI string
    password = base64.b64encode(f"me:{key}".encode()).decode()
    for name, value in (
        ("Authorization", f"Bearer {sent}"),
        ("Authorization", f"  bearer \t {sent} \t"),
        ("Authorization", f"Basic {password}"),
        ("X-Api-Key", sent),
    ):
        environ = {f"HTTP_{name.upper().replace('-', '_')}": value}
        assert client.get("/v1/models", environ_overrides=environ).status_code == 200, name
    for wrong in (sent[:-1], sent + "y", sent + "\xa0", "\x85" + sent):
        environ = {"HTTP_AUTHORIZATION": f"Bearer {wrong}"}
        assert client.get("/v1/models", environ_overrides=environ).status_code == 401
