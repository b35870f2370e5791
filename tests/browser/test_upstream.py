"""The page of a server in front of an upstream."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Visits
from tests.harness.scripted_upstream import MODEL, ScriptedUpstream, Wire, scripted_upstream
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def front(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    command = python_wsgi(port, "--upstream", upstream.url)
    with running(command, port, tmp_path / "log") as server:
        wait_ready(server)
        yield server


@pytest.mark.parametrize("lang", ["en"])
def test_a_chat_streams_and_stops(visit: Visits, front: Server, upstream: ScriptedUpstream) -> None:
    seen = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(content="the first half, ")
        if seen.wait(30):
            wire.chunk(content="the second")
        wire.wait_closed()

    upstream.script = script
    visitor = visit(front)
    page = visitor.page
    visitor.send("Hello")
    page.wait_for_selector(".assistant .content:has-text('the first half')")
    seen.set()
    page.wait_for_selector(".assistant .content:has-text('the second')")
    assert upstream.last.body["messages"][-1] == {"role": "user", "content": "Hello"}
    assert upstream.last.body["model"] == MODEL
    page.click("#chat-stop-button")
    wait_until(lambda: upstream.last.closed_at)
    upstream.script = lambda wire: wire.text("It ", "is ", "done.")
    assert visitor.ask("And now?").locator(".content").inner_text().strip() == "It is done."
