"""A schema that takes for ever: its request has a place and a deadline, and nothing else waits."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.harness.client import CHAT, COMPLETIONS, Client
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until
from tests.hostile_schemas.asking import PARAM, alive, body, idle, settled, whole_or_cut

#: Two seconds of processor time, and then a refusal.
SLOW = {"type": "integer", "multipleOf": 10_000_019}
SMALL = {"enum": ["a", "b"]}
#: Within this time after its client left a request's core must be free.
CORE_S = 5.0


def slow(number: int) -> dict[str, object]:
    """Each is another schema, so that none is known."""
    return {**SLOW, "multipleOf": 10_000_019 + 2 * number}


@contextmanager
def serving(log: Path, *flags: str) -> Iterator[Server]:
    port = free_port()
    with running(python_wsgi(port, *flags), port, log) as server:
        wait_ready(server)
        assert server.client.post(CHAT, body(SMALL, 1)).status == 200  # the child is there
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--max_in_flight", "3", "--request_timeout", "20")
    with serving(tmp_path_factory.mktemp("life") / "log", *flags) as server:
        yield server


@pytest.mark.parametrize("stream", [pytest.param(False, marks=pytest.mark.figures), True])
def test_it_counts_and_is_refused_before_the_first_byte(server: Server, stream: bool) -> None:
    http = server.client
    before = http.metrics()["requests_failed_total"]
    with http.open(CHAT, body(slow(1 + stream), 1, stream=stream)) as asked:
        wait_until(lambda: http.in_flight() == 1, lambda: str(http.metrics()))
        assert http.completion("你好", max_tokens=2), "another request must wait"
        reply = asked.reply()
    assert reply.status == 400 and reply.error()["param"] == PARAM
    assert http.metrics()["requests_failed_total"] == before, "a refusal is no fault"
    settled(http)


def test_they_take_places(server: Server) -> None:
    http = server.client
    with (
        http.open(CHAT, body(slow(3), 1)),
        http.open(CHAT, body(slow(4), 1)),
        http.open(CHAT, body(slow(5), 1)),
    ):
        wait_until(lambda: http.in_flight() == 3, lambda: str(http.metrics()))
        refused = http.post(COMPLETIONS, {"prompt": "你好"})
        assert (refused.status, refused.error()["code"]) == (503, "overloaded")
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
    settled(http)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_the_core(server: Server, stream: bool) -> None:
    http = server.client
    before = http.metrics()["requests_cancelled_total"]
    with http.open(CHAT, body(slow(6 + stream), 1, stream=stream)):
        wait_until(lambda: http.in_flight() == 1, lambda: str(http.metrics()))
        time.sleep(0.3)
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()), limit_s=CORE_S)
    assert http.metrics()["requests_cancelled_total"] == before + 1
    child = server.worker.children()[0]
    wait_until(lambda: not child.children(), lambda: "the trial goes on", limit_s=CORE_S)
    assert idle([child], 0.5) < 0.25
    settled(http)


def test_choices_share_one_grammar(server: Server) -> None:
    words = [f"word {number}" for number in range(50)]
    choices = server.client.post(CHAT, body({"enum": words}, 4, n=8)).ok()["choices"]
    texts = {json.loads(choice["message"]["content"]) for choice in choices}
    assert texts <= set(words) and len(texts) > 1


#: Each letter wants another one some places on: more states than the library may make, but only
#: after many steps, so that no trial can tell.
BREAKS = "^(" + "|".join(f".*{chr(97 + n)}.{{{n + 5}}}" for n in range(20)) + ")$"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_whose_grammar_breaks_is_an_error(server: Server, stream: bool) -> None:
    """Never an end: half a text would pass for an instance."""
    http = server.client
    before = http.metrics()["requests_failed_total"]
    asked = body({"type": "string", "pattern": BREAKS}, 1, max_tokens=600, stream=stream)
    reply = whole_or_cut(http, {**asked, "temperature": 2.0})
    if stream:
        assert reply.status == 200 and b"[DONE]" not in reply.body
        assert b'"finish_reason":"' not in reply.body
        error = json.loads(reply.body.splitlines()[-2].removeprefix(b"data: "))["error"]
    else:
        assert reply.status == 500
        error = reply.error()
    assert error["code"] == "json_schema_failed" and error["type"] == "server_error"
    assert "lexer" not in error["message"]
    assert http.metrics()["requests_failed_total"] == before + 1
    settled(http)


def test_a_known_schema_adds_little(server: Server) -> None:
    """A few milliseconds; here with a margin, for others use this machine too."""
    http = server.client

    def took(**fields: object) -> float:
        began = time.monotonic()
        assert http.post(CHAT, {**body(SMALL, 1, max_tokens=1), **fields}).status == 200
        return time.monotonic() - began

    times: list[tuple[float, float, float]] = []
    for number in range(12):  # by turns, for this machine's other work comes and goes
        fresh = body({"enum": [f"{number}"]}, 1)["response_format"]
        plain = took(response_format={"type": "text"})
        times.append((plain, took(), took(response_format=fresh)))
    plain, known, new = map(min, zip(*times, strict=True))
    print(f"first token: {1e3 * plain:.1f} ms, {1e3 * known:.1f} known, {1e3 * new:.1f} new schema")
    assert known <= 2 * plain + 5 * 0.005
    assert new <= 2 * plain + 5 * 0.02


@pytest.mark.fault
def test_the_deadline_ends_it(tmp_path: Path) -> None:
    with serving(tmp_path / "log", "--request_timeout", "1") as server:
        reply = server.client.post(CHAT, body(slow(8), 1))
        assert (reply.status, reply.error()["code"]) == (504, "request_timeout")
        child = server.worker.children()[0]
        wait_until(lambda: not child.children(), lambda: "the trial goes on", limit_s=CORE_S)
        settled(server.client)


@pytest.mark.fault
@pytest.mark.figures
def test_a_drain_in_the_midst_ends_and_leaves_no_child(tmp_path: Path) -> None:
    with serving(tmp_path / "log") as server, ThreadPoolExecutor(6) as pool:
        http, worker = server.client, server.worker
        family = [worker, *worker.children(recursive=True)]
        asked = [pool.submit(http.post, CHAT, body(slow(10 + n), 1)) for n in range(6)]
        wait_until(lambda: http.in_flight() == 6, lambda: str(http.metrics()))
        began = time.monotonic()
        server.terminate()
        assert server.exit_code() == 0, server.logged()
        assert time.monotonic() - began < 30 + 5
        assert {each.result().status for each in asked} <= {400, 503}
        assert not any(alive(each) for each in family)


@pytest.mark.fault
def test_kill_minus_nine_leaves_no_child(tmp_path: Path) -> None:
    with serving(tmp_path / "log") as server, ThreadPoolExecutor(1) as pool:
        worker = server.worker
        lost = pool.submit(unanswered, server.client)
        child = worker.children()[0]
        wait_until(child.children, lambda: "no trial runs")
        family = [child, *child.children()]
        listening = {each.laddr for each in psutil.Process(server.process.pid).net_connections()}
        assert listening and not any(each.net_connections() for each in family)
        os.kill(worker.pid, signal.SIGKILL)
        assert lost.result()
        wait_until(lambda: not any(map(alive, family)), lambda: "a child is left behind")
        wait_until(lambda: server.client.get("/ready").status == 200, server.logged, limit_s=60)


def unanswered(http: Client) -> bool:
    try:
        http.post(CHAT, body(slow(9), 1))
    except (OSError, ValueError):
        return True
    return False
