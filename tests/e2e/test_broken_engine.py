"""What clients receive when the engine fails, with the real gunicorn and a scripted engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.client import IncompleteRead

import pytest

from tests.e2e.scripted_wsgi import SILENT
from tests.event_stream import read_events
from tests.harness.client import COMPLETIONS, Client
from tests.harness.server import ROOT, Server, free_port, running, wait_ready
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", "tests.e2e.scripted_wsgi:app"]
    with running(command, port, tmp_path_factory.mktemp("scripted") / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture
def broken(scripted: Server) -> Client:
    return scripted.client


@pytest.mark.parametrize("prompt", ["refuse", "break"])
def test_in_the_middle_of_a_stream(broken: Client, prompt: str) -> None:
    with pytest.raises(IncompleteRead) as cut:  # the body must be incomplete
        broken.post(COMPLETIONS, {"prompt": prompt, "stream": True})
    events = read_events(cut.value.partial)
    assert not events.done
    *texts, last = events.chunks
    assert len(texts) == 2 and all("choices" in text for text in texts)
    assert list(last) == ["error"]
    assert list(last["error"]) == ["message", "type", "param", "code"]
    assert last["error"]["type"] == "server_error"
    assert "secret" not in str(last)


@pytest.mark.parametrize("prompt", ["refuse", "break"])
def test_failure_before_the_response(broken: Client, prompt: str) -> None:
    reply = broken.post(COMPLETIONS, {"prompt": prompt})
    assert reply.status == 500
    assert reply.error()["type"] == "server_error"
    assert reply.headers["x-request-id"] in reply.error()["message"]
    assert "secret" not in str(reply.body)
    assert broken.post(COMPLETIONS, {"prompt": "good"}).status == 200


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_disconnects_from_a_silent_engine(broken: Client, streamed: bool) -> None:
    """Nothing is written, so no write can fail: the watcher must detect the disconnect."""
    before = broken.metrics()["requests_cancelled_total"]
    with broken.open(COMPLETIONS, {"prompt": SILENT, "stream": streamed}):
        wait_until(lambda: broken.in_flight() == 1, lambda: "it was not accepted")
    wait_until(lambda: broken.in_flight() == 0, lambda: str(broken.metrics()))
    assert broken.metrics()["requests_cancelled_total"] == before + 1
