"""The real server with two keys, one of which sends as many requests as it can."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.harness.client import COMPLETIONS, TIMEOUT_S, Open
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until

HEAVY, LIGHT = "sk-heavy-51", "sk-light-52"
MOST = 100  #: of one key; the cache has 64 slots
LONG = {"prompt": "请介绍西湖。" * 20, "max_tokens": 600, "ignore_eos": True, "stream": True}
SHORT = {"prompt": "告诉我中国的首都在哪里", "max_tokens": 12, "temperature": 0, "stream": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("keys")
    (folder / "keys").write_text(f"heavy {HEAVY}\nlight {LIGHT}\n")
    port = free_port()
    command = python_wsgi(
        port, "--api_keys_file", str(folder / "keys"), "--max_per_key", str(MOST), "--only_cpu"
    )
    with running(command, port, folder / "log") as server:
        wait_ready(server)
        yield server


def opened(server: Server, key: str, body: dict[str, object]) -> Open:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", COMPLETIONS, json.dumps(body).encode(), headers)
    return Open(connection)


def asked(server: Server, key: str) -> tuple[float, str]:
    """Time to the first text of a short response in seconds, and the response."""
    begin, first, text = time.monotonic(), 0.0, ""
    with opened(server, key, SHORT) as stream:
        for at, line in stream.lines():
            if line.startswith("data: {"):
                new = json.loads(line.removeprefix("data: "))["choices"][0]["text"]
                first, text = first or (at if new else 0.0), text + new
    return first - begin, text


@pytest.mark.quiet
def test_one_key_cannot_take_all_slots_or_delay_the_other(server: Server) -> None:
    http = server.client
    alone_s, alone = min(asked(server, LIGHT) for _ in range(3))
    with ExitStack() as stack:
        streams = [stack.enter_context(opened(server, HEAVY, LONG)) for _ in range(MOST)]
        wait_until(
            lambda: http.metrics()["requests_running"] == 64, lambda: "never full", limit_s=20
        )
        assert http.in_flight() == MOST
        with opened(server, HEAVY, SHORT) as one_more:
            reply = one_more.reply()
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.error()["code"] == "overloaded"
        assert "--max_per_key" in reply.error()["message"]
        before, began = http.metrics()["generation_tokens_total"], time.monotonic()
        first_s, text = asked(server, LIGHT)
        made = http.metrics()["generation_tokens_total"] - before
        step_s = 64 * (time.monotonic() - began) / made
        assert http.in_flight() == MOST, "the streams ended too early to show anything"
        assert text == alone
        print(f"first token {first_s:.3f} s, alone {alone_s:.3f} s, a step {step_s:.3f} s")
        # Five times the requirement, for a busy machine.
        assert first_s <= 5 * (alone_s + 3 * step_s)
        for stream in streams:
            stream.hang_up()
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
    assert asked(server, HEAVY)[1] == alone
