"""The real server with API keys: responses, logs and sockets must not leak them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import openai
import pytest

from tests.harness.client import TIMEOUT_S
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until
from tests.middleware.conftest import ALICE, BOB, bearer
from tests.stack.raw import exchange

#: sitecustomize of the server's process: records and forbids outgoing connections.
WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.connect" or event in ("socket.sendto", "socket.sendmsg"):
        told = repr(arguments[1:])
    elif event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost", None):
        told = repr(arguments[:2])
    else:
        return
    with open(os.environ["OUTBOUND"], "a") as file:
        file.write(f"{event} {told}\\n")
    raise PermissionError(event)

sys.addaudithook(watch)
"""
SECRET = "西湖的秘密是七"


@dataclass(frozen=True)
class Watched:
    """A server with keys; its attempts to connect elsewhere are recorded."""

    server: Server
    keys: Path
    outbound: Path

    def send(self, method: str, path: str, key: str, body: object = None) -> tuple[int, bytes]:
        """One request with a key."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json", **bearer(key)}
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, read


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    (folder / "sitecustomize.py").write_text(WATCH)
    keys, outbound = folder / "keys", folder / "outbound"
    keys.write_text(f"alice {ALICE}\n")
    outbound.touch()
    port = free_port()
    command = python_wsgi(port, "--api_keys_file", "keys", "--log_format", "json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("OUTBOUND", str(outbound))
        patch.setenv("GUNICORN_CMD_ARGS", "--log-level info")
        with running(command, port, folder / "log", folder) as server:
            wait_ready(server)
            yield Watched(server, keys, outbound)


def test_openai_clients_with_and_without_the_key(watched: Watched) -> None:
    url = f"{watched.server.url}/v1"
    with openai.OpenAI(base_url=url, api_key=ALICE, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="chinese-llama-alpaca",
            messages=[{"role": "user", "content": SECRET}],
            max_tokens=5,
        )
        assert answer.choices[0].message.role == "assistant"
    with openai.OpenAI(base_url=url, api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.models.list()
        assert caught.value.code == "invalid_api_key"


def test_the_file_changes_while_it_serves(watched: Watched) -> None:
    assert watched.send("GET", "/v1/models", BOB)[0] == 401
    watched.keys.write_text(f"alice {ALICE}\nbob {BOB}\n")
    wait_until(
        lambda: watched.send("GET", "/v1/models", BOB)[0] == 200, lambda: "bob is not let in"
    )
    assert watched.send("GET", "/v1/models", ALICE)[0] == 200
    watched.keys.write_text(f"alice {ALICE}\n")
    wait_until(lambda: watched.send("GET", "/v1/models", BOB)[0] == 401, lambda: "bob is still in")


def test_no_outgoing_connections(watched: Watched) -> None:
    link = "![](http://192.0.2.1/x.png) https://example.org/"
    image = [{"type": "image_url", "image_url": {"url": "http://192.0.2.1/x.png"}}]
    for method, path, body, status in (
        ("POST", "/v1/completions", {"prompt": link, "max_tokens": 3}, 200),
        ("POST", "/v1/completions", {"prompt": link, "max_tokens": 3, "stream": True}, 200),
        ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": image}]}, 400),
        ("POST", "/v1/embeddings", {"input": link}, 200),
        ("POST", "/tokenize", {"messages": link}, 200),
        ("GET", "/v1/models", None, 200),
        ("GET", "/", None, 200),
        ("GET", "/docs", None, 200),
        ("GET", "/metrics", None, 200),
    ):
        assert watched.send(method, path, ALICE, body)[0] == status, path
    assert watched.outbound.read_text() == ""
    watching = watched.outbound.parent
    environ = {**os.environ, "PYTHONPATH": str(watching), "OUTBOUND": str(watching / "control")}
    program = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True)
    assert b"PermissionError: socket.connect" in done.stderr, "the watch itself works"
    assert "('127.0.0.1', 9)" in (watching / "control").read_text()
    connections = watched.server.worker.net_connections("inet")
    assert {each.laddr.port for each in connections} == {watched.server.port}
    assert not list((Path.home() / ".gunicorn").glob("*.ctl"))


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + SMUGGLED,
        HEAD + b"Content-Length: 0, 0\r\n\r\n" + SMUGGLED,
        HEAD + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
        HEAD + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + SMUGGLED,
        HEAD + b"Host: y\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
        HEAD + b"X: a\r\n folded\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
        HEAD + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n" + SMUGGLED,
        b"GET /health\r\n\r\n" + SMUGGLED,
        b"GET http://evil/health HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
        HEAD + b"X: " + b"a" * 9_000 + b"\r\n\r\n" + SMUGGLED,
        HEAD + b"".join(b"X%d: a\r\n" % i for i in range(200)) + b"\r\n" + SMUGGLED,
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED,
    ],
    ids=range(18),
)
def test_no_hidden_request_is_answered(watched: Watched, sent: bytes) -> None:
    """Ambiguous request framing (request smuggling) is rejected and the connection closed."""
    received = b""
    with socket.create_connection(("127.0.0.1", watched.server.port), timeout=20) as peer:
        peer.sendall(sent)
        try:
            while part := peer.recv(65536):
                received += part
        except ConnectionResetError:
            pass  # the rest is not read
    statuses = re.findall(rb"HTTP/1.1 (\d{3}) ", received)
    assert set(statuses) <= {b"400", b"401", b"413", b"414", b"431", b"501", b"505"}
    assert len(statuses) == 1
    assert watched.send("GET", "/health", "")[0] == 200


def test_the_log_has_the_clients_and_neither_keys_nor_prompts(watched: Watched) -> None:
    watched.send("POST", "/v1/completions", ALICE, {"prompt": SECRET, "max_tokens": 1})
    watched.send("GET", "/v1/nope%0A%1b%E6%B9%96", "sk-wrong")
    wait_until(lambda: "nope" in watched.server.logged(), lambda: "not logged")
    log = watched.server.logged()
    assert ALICE not in log and BOB not in log and "sk-wrong" not in log and SECRET not in log
    entries = [json.loads(line) for line in log.splitlines()]
    answered = [entry for entry in entries if entry["message"] == "answered"]
    assert {entry["client"] for entry in answered} >= {"alice", "127.0.0.1"}
    assert len({entry["request_id"] for entry in answered}) == len(answered)
    assert [e["status"] for e in answered if "nope\n" in e["path"]] == [401]
    assert any("was reloaded" in entry["message"] for entry in entries)


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script_Name", "PATH_INFO", "path_info"])
@pytest.mark.parametrize("value", ["/v1", "/evil", "/health"])
def test_responses_do_not_reveal_paths(watched: Watched, name: str, value: str) -> None:
    """Not even from loopback: no path, no page and no public route."""
    for path, status in (("/v1/models", b"401"), ("/health", b"200"), ("/evil", b"401")):
        sent = f"GET {path} HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\nConnection: close\r\n\r\n"
        answer = exchange(("127.0.0.1", watched.server.port), sent.encode())
        assert answer[9:12] == status, answer[:300]
    sent = f"GET / HTTP/1.1\r\nHost: x\r\n{name}: /evil\r\nConnection: close\r\n\r\n"
    page = exchange(("127.0.0.1", watched.server.port), sent.encode())
    assert page[9:12] == b"200" and b"evil" not in page
