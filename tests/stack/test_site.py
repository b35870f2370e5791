"""nginx's part: rate limits, body size, server names, TLS, unbuffered streams."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from tests.harness.client import COMPLETIONS
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack, running_stack
from tests.stack.nginx import check, started, write_site

ENVELOPE = ["message", "type", "param", "code"]


@pytest.fixture(scope="module")
def limited() -> Iterator[Stack]:
    with running_stack(site={"limited": True}, ready=False) as stack:
        wait_until(
            lambda: stack.socket.exists() and "ready:" in stack.server.logged(),
            stack.server.logged,
        )
        yield stack


def test_too_many_connections_of_one_address_get_429(limited: Stack) -> None:
    """Must run first: it sends fewer requests than the burst allows."""
    http = limited.http
    body = {"prompt": [5], "max_tokens": 10_000, "stream": True}
    with ExitStack() as opened:
        for _ in range(32):
            next(opened.enter_context(http.open(COMPLETIONS, body)).tokens())
        reply = http.post(COMPLETIONS, body)
        assert (reply.status, reply.error()["code"]) == (429, "rate_limit_exceeded")


def test_too_many_requests_of_one_address_get_429(limited: Stack) -> None:
    http = limited.http
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: http.get("/v1/models"), range(120)))
    refused = [reply for reply in replies if reply.status == 429]
    print(f"{len(refused)} of {len(replies)} refused")
    assert {reply.status for reply in replies} == {200, 429}
    assert len(refused) >= 40
    for reply in refused:
        assert reply.headers["content-type"] == "application/json"
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.error()["code"] == "rate_limit_exceeded"
    assert {http.get("/health").status for _ in range(50)} == {200}, "monitors are limited"


def test_a_body_over_the_limit_gets_413_as_json(counting: Stack) -> None:
    connection = HTTPConnection("127.0.0.1", counting.proxy.port, timeout=20)
    data = b'{"prompt": "' + b"a" * (9 << 20) + b'"}'
    connection.request("POST", COMPLETIONS, data, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 413
    assert list(json.loads(answer.read())["error"]) == ENVELOPE
    if connection.sock is None:
        connection.connect()
    connection.request("POST", "/v1/messages", data, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["type"] == "request_too_large"
    connection.request(
        "POST", COMPLETIONS, iter([data]), {"Content-Type": "application/json"}, encode_chunked=True
    ) if connection.sock else None
    connection.close()


def test_a_body_under_the_limit_passes(counting: Stack) -> None:
    """And nginx writes no temporary file for it."""
    prompt = "a" * (7 << 20)
    reply = counting.http.post(COMPLETIONS, {"prompt": prompt, "max_tokens": 1})
    assert (reply.status, reply.error()["code"]) == (400, "context_length_exceeded")
    assert "buffered to a temporary file" not in counting.proxy.errors()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.2", "x/v1?", ""])
def test_another_name_gets_no_answer(counting: Stack, host: str) -> None:
    connection = HTTPConnection("127.0.0.1", counting.proxy.port, timeout=5)
    connection.putrequest("GET", "/health", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    try:
        status = connection.getresponse().status
    except ConnectionResetError:
        status = 444
    assert status in (400, 444)
    connection.close()


def test_request_ids_pass_when_they_are_harmless(counting: Stack) -> None:
    connection = HTTPConnection("127.0.0.1", counting.proxy.port, timeout=5)
    for sent, kept in (("mine-1.2_3", True), ("a b", False), ("a%0d%0ab", False), ("", False)):
        connection.request("GET", "/v1/models", headers={"X-Request-Id": sent})
        answer = connection.getresponse()
        answer.read()
        assert (answer.headers["X-Request-Id"] == sent) is kept
        assert answer.headers["X-Request-Id"]
    connection.close()


def test_streams_come_unbuffered(counting: Stack) -> None:
    """A token every few milliseconds, not all at the end."""
    body = {"prompt": [5], "max_tokens": 200, "stream": True}
    with counting.http.open(COMPLETIONS, body) as opened:
        assert opened.response.headers["Content-Type"].startswith("text/event-stream")
        times = list(opened.tokens())
    assert len(times) == 200
    assert times[100] - times[0] > 0.3 * (times[-1] - times[0])
    assert times[20] - times[0] > 0


def test_files_pass_as_the_server_compressed_them(counting: Stack) -> None:
    """nginx itself does not compress: that would delay streams."""
    connection = HTTPConnection("127.0.0.1", counting.proxy.port, timeout=5)
    packed = {"Accept-Encoding": "gzip"}
    connection.request("GET", "/", headers=packed)
    answer = connection.getresponse()
    page = gzip.decompress(answer.read()).decode()
    assert answer.headers["Cache-Control"] == "private, no-cache"
    address = re.findall(r'src="(/static/[^"]*/page.js)"', page)[0]
    connection.request("GET", address, headers=packed)
    answer = connection.getresponse()
    packed_script, tag = answer.read(), answer.headers["ETag"]
    assert answer.headers["Content-Encoding"] == "gzip" and tag.startswith('"')
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"
    connection.request("GET", address, headers={**packed, "If-None-Match": tag})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (304, b"")
    connection.request("GET", address)
    answer = connection.getresponse()
    assert "Content-Encoding" not in answer.headers
    assert answer.read() == gzip.decompress(packed_script)
    connection.close()


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_with_tls(counting: Stack) -> None:
    with tempfile.TemporaryDirectory(prefix="westlake-") as name:
        folder = Path(name)
        make_certificate(folder)
        proxy = write_site(folder, f"unix:{counting.socket}", "site-tls.conf")
        assert "[warn]" not in check(proxy).replace('the "user" directive', "")
        with started(proxy):
            trusted = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
            secure = HTTPSConnection("localhost", proxy.tls_port, timeout=10, context=trusted)
            body = b'{"prompt": [5], "max_tokens": 5, "stream": true}'
            secure.request("POST", COMPLETIONS, body, {"Content-Type": "application/json"})
            answer = secure.getresponse()
            assert answer.read().rstrip().endswith(b"data: [DONE]")
            assert secure.sock.version() in ("TLSv1.2", "TLSv1.3")  # type: ignore[union-attr]
            secure.close()
            plain = HTTPConnection("localhost", proxy.port, timeout=10)
            plain.request("GET", "/docs")
            moved = plain.getresponse()
            assert (moved.status, moved.headers["Location"]) == (301, "https://localhost/docs")
            moved.read()
            plain.request("POST", COMPLETIONS, body, {"Authorization": "Bearer secret"})
            refused = plain.getresponse()
            assert refused.status == 403
            assert list(json.loads(refused.read())["error"]) == ENVELOPE
            plain.close()
            unknown = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
            unknown.check_hostname = False
            wrong = HTTPSConnection("127.0.0.1", proxy.tls_port, timeout=10, context=unknown)
            with pytest.raises(ssl.SSLError):
                wrong.request("GET", "/health")
            wrong.close()


def test_a_server_that_is_not_there_is_503_as_json() -> None:
    with tempfile.TemporaryDirectory(prefix="westlake-") as name:
        proxy = write_site(Path(name), f"unix:{name}/nobody.sock")
        assert "successful" in check(proxy)
        with started(proxy):
            for path in (
                "/health",
                "/v1/models",
                "/v1/messages",
                "/v1/messages/count_tokens?beta=true",
            ):
                connection = HTTPConnection("127.0.0.1", proxy.port, timeout=5)
                connection.request("GET", path)
                answer = connection.getresponse()
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) >= 1
                body = json.loads(answer.read())
                if "messages" in path:
                    assert list(body) == ["type", "error", "request_id"]
                    assert (body["type"], body["error"]["type"]) == ("error", "overloaded_error")
                else:
                    assert body["error"]["code"] == "shutting_down"
                connection.close()


def asked_of_the_server(path: str) -> tuple[str, dict[str, list[str]]]:
    """The path and the headers that the server receives from nginx when a client with forged
    headers requests `path`."""
    folder = Path(tempfile.mkdtemp(prefix="westlake-"))
    try:
        behind = str(folder / "http.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(behind)
            listener.listen()
            with started(write_site(folder, f"unix:{behind}")) as proxy:
                lies = b"X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-Proto: gopher\r\n"
                head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode()
                with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as peer:
                    peer.sendall(head + lies + b"X-Request-Id: a b\r\n\r\n")
                    listener.settimeout(10)
                    server, _ = listener.accept()
                    with server:
                        first, *lines = server.recv(65536).decode().split("\r\n")
    finally:
        shutil.rmtree(folder)
    headers: dict[str, list[str]] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return first.split(" ")[1], headers


@pytest.mark.parametrize(
    ("path", "passed"),
    [
        ("/health", "/health"),
        ("/ready", "/ready"),
        ("/metrics", "/metrics"),
        ("/v1/../health", "/health"),
        ("/v1/%2e%2e/ready", "/ready"),
        ("/./metrics?x=1", "/metrics?x=1"),
        ("//health", "/health"),
        ("/%68ealth", "/health"),
        ("/v1/models", "/v1/models"),
    ],
)
def test_forged_headers_are_not_forwarded(path: str, passed: str) -> None:
    asked, headers = asked_of_the_server(path)
    assert asked == passed
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["http"]
    assert len(headers["x-request-id"]) == 1 and " " not in headers["x-request-id"][0]
