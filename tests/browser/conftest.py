"""A browser, a server with the embedded model, and servers with scripted answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.harness.server import ROOT, Server, free_port, python_wsgi, running, wait_ready

#: Debian's; WESTLAKE_* names are the server's own.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

Visits = Callable[..., Visitor]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For this folder's tests only: while it is there, the thread has a running event loop."""
    # Containers' root has no sandbox of its own, and a small /dev/shm.
    flags = ["--no-sandbox", "--disable-dev-shm-usage"]
    # Nobody else can be reached, whatever a page tries; that it tried is seen all the same.
    flags.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded model, as `python wsgi.py` serves it."""
    port = free_port()
    with running(python_wsgi(port), port, tmp_path_factory.mktemp("real") / "log") as server:
        wait_ready(server)
        yield server


@contextmanager
def scripted_server(folder: Path, entry: str) -> Iterator[Server]:
    """One of scripted_wsgi's servers, under the real gunicorn."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", f"tests.browser.scripted_wsgi:{entry}"]
    with running(command, port, folder / "log") as server:
        wait_ready(server)
        yield server


@pytest.fixture(scope="package")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose answers are scripted by the prompt."""
    with scripted_server(tmp_path_factory.mktemp("scripted"), "app") as server:
        yield server


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Server]:
    """The same, for those who have the key sk-test."""
    keys = tmp_path / "keys"
    keys.write_text("someone sk-test\n", encoding="utf-8")
    with scripted_server(tmp_path, f"keyed('{keys}')") as server:
        yield server


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Server]:
    """The same, with a hundred and one names."""
    with scripted_server(tmp_path, "named()") as server:
        yield server


@pytest.fixture(scope="package")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same, with a model that thinks."""
    with scripted_server(tmp_path_factory.mktemp("thinking"), "thinking()") as server:
        yield server


@pytest.fixture(params=["en", "zh-CN"])
def lang(request: pytest.FixtureRequest) -> str:
    """Every test of a visitor is made in both languages, unless it says which."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> dict[str, BrowserContext]:
    """One for each kind of visitor: the page's files are fetched once for each, not for each
    test. What a page keeps is taken away when its visitor leaves."""
    return {}


@pytest.fixture
def visit(browser: Browser, contexts: dict[str, BrowserContext], lang: str) -> Iterator[Visits]:
    """Opens pages; at the end none of them may have seen anything forbidden."""
    visitors: list[Visitor] = []

    def open_page(
        server: Server, path: str = "/", *, expect: tuple[str, ...] = (), **context: object
    ) -> Visitor:
        settings: dict[str, object] = {"locale": lang, "viewport": {"width": 1280, "height": 800}}
        settings |= context
        kind = json.dumps(settings)
        if kind not in contexts:
            contexts[kind] = browser.new_context(**settings)  # type: ignore[arg-type]
        visitor = Visitor(contexts[kind], server.url, lang, expected=expect)
        visitors.append(visitor)
        return visitor.open(path)

    yield open_page
    seen = [visitor.forbidden() for visitor in visitors]
    for visitor in visitors:
        visitor.leave()
    assert seen == [[] for _ in visitors]
