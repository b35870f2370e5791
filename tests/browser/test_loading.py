"""Page weight, time to interactive, and no long tasks."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.assets.static_files import static_files
from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import FAST
from tests.browser.visitor import Visitor
from tests.harness.server import ROOT, Server

MOST_BYTES, MOST_REQUESTS = 75_000, 8
MOST_BYTES_AGAIN = 3_000
USABLE_MS = 1000
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
USABLE_SLOW_MS = 3000
LONGEST_TASK_MS = 50
SPENT = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


#: What the browser was sent for the page and all it loaded, headers too: [address, bytes].
_SENT = """() => ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .map(({ name, transferSize }) => [name, transferSize])"""
_USABLE = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def opened(page: Page, url: str) -> dict[str, int]:
    """Bytes per URL, from opening the page until the network is idle."""
    page.goto(url)
    page.wait_for_selector("html[data-started]")
    page.wait_for_load_state("networkidle")
    return {name.removeprefix(url): size for name, size in page.evaluate(_SENT)}


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_what_is_sent_for_the_first_load_and_the_next(
    browser: Browser, real: Server, locale: str
) -> None:
    context = browser.new_context(locale=locale)
    page = context.new_page()
    first = opened(page, real.url)
    print(locale, sum(first.values()), first)
    assert 5 <= len(first) <= MOST_REQUESTS, first
    assert sum(first.values()) <= MOST_BYTES, first
    usable = page.evaluate(_USABLE)
    assert usable < 5 * USABLE_MS, "a shared machine gets five times as long"
    page.close()
    page = context.new_page()
    again = opened(page, real.url)
    print(locale, sum(again.values()), again)
    assert sum(again.values()) <= MOST_BYTES_AGAIN, again
    assert not [name for name, size in again.items() if size and "/static/" in name], again
    context.close()


@pytest.mark.figures
def test_usable_soon_on_a_slow_line(browser: Browser, real: Server) -> None:
    """400 ms until an answer begins, 400 kbit/s; the best of three where the machine is busy."""
    tries: list[float] = []
    while len(tries) < 3 and not (tries and tries[-1] <= USABLE_SLOW_MS):
        page = browser.new_page(locale="zh-CN")
        cdp = page.context.new_cdp_session(page)
        cdp.send("Network.enable")
        cdp.send("Network.emulateNetworkConditions", SLOW)
        page.goto(real.url)
        page.wait_for_selector("html[data-started]")
        tries.append(page.evaluate(_USABLE))
        page.close()
    print(tries)
    assert tries[-1] <= USABLE_SLOW_MS, tries


#: Every module's names in the joined files, and in its source.
_NAMES = """async (files) => {
    const differing = [];
    for (const file of files) {
        for (const [id, names] of Object.entries(await import(file.address))) {
            const source = file.sources[id];
            const single = source === file.started ? {} : await import(source);
            const both = [names, single].map((each) => Object.keys(each).sort().join());
            if (both[0] !== both[1]) differing.push([source, ...both]);
        }
    }
    return differing;
}"""


def test_joined_modules_are_their_sources(browser: Browser, real: Server) -> None:
    """All are run, those of others too: what cannot be parsed or exports something else shows."""
    found = static_files(ROOT / "static")
    paths = [path for path in found.files if re.match(r"joined/page\..*js$", path)]
    files = [
        {
            "address": f"/static/{found.version}/{path}",
            "started": "/static/js/page.js",
            "sources": {
                re.sub(r"\W", "_", source): f"/static/{source}"
                for source in re.findall(
                    r"^// (.*)\nexport const", found.files[path].plain.decode(), re.MULTILINE
                )
            },
        }
        for path in paths
    ]
    assert len(paths) > 3 and sum(len(file["sources"]) for file in files) > 60
    page = browser.new_page()
    page.goto(real.url)
    page.wait_for_selector("html[data-started]")
    assert page.evaluate(_NAMES, files) == []
    page.close()


ANSWER = "show **bold**, `code`"


@pytest.mark.parametrize("lang", ["en"])
def test_other_addresses_make_the_same_page(visit: Visits, scripted: Server) -> None:
    """Its sources one by one; and a page from before an upgrade, whose later parts come from an
    address that is no longer the current one."""
    visitor = visit(scripted, "/?files=single")
    assert "/static/css/base.css" in visitor.page.content()
    visitor.ask(ANSWER)
    visitor.page.wait_for_selector(".turn:not(.user) strong")
    visitor = visit(scripted)
    current = static_files(ROOT / "static").version

    def older(route: Route) -> None:
        route.fulfill(body=route.fetch().text().replace(current, "0123456789abcdef"))

    visitor.page.route(f"{scripted.url}/", older)
    loaded: list[str] = []
    visitor.page.on("request", lambda request: loaded.append(request.url))
    visitor.open()
    visitor.ask(ANSWER)
    visitor.page.wait_for_selector(".turn:not(.user) strong")
    files = [url for url in loaded if "/static/" in url]
    assert len(files) > 4 and all("0123456789abcdef" in url for url in files), files


@pytest.mark.parametrize("lang", ["en"])
def test_an_answer_is_there_though_what_draws_it_is_not(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("Failed to load resource",))
    visitor.page.route("**/page.markdown.js", lambda route: route.abort(), times=2)
    answer = visitor.ask(ANSWER)
    expect(answer.locator(".content")).to_have_text(f"You said: {ANSWER}")
    assert visitor.page.locator("#chat-failure").is_hidden()
    visitor.page.unroute("**/page.markdown.js")
    expect(visitor.ask(ANSWER).locator("strong")).to_have_text("bold")


@dataclass(frozen=True)
class Streamed:
    """Main thread times in milliseconds for 2,000 chunks at 200 per second."""

    long: list[float]  #: tasks that took over 50 by the clock: what PerformanceObserver tells
    work: list[float]  #: what the hardest tasks took of the processor
    busy: dict[str, float]  #: in all, by what it went to
    took: float


def long_chat(visitor: Visitor, folder: Path) -> None:
    """Sixty exchanges, brought in by a file, as what the answer is written below."""
    said = (
        "How long is `it`?",
        "**断桥：**8.8 m, $x^2$.\n\n```python\nprint(1)\n```\n\n- [x] a\n- b",
    )
    nodes: dict[str, dict[str, object]] = {}
    for number in range(120):
        own = {"id": f"n{number}", "parent": f"n{number - 1}" if number else None}
        role = ("user", "assistant")[number % 2]
        nodes[f"n{number}"] = {**own, "role": role, "content": said[number % 2]}
    name = f"long{time.monotonic_ns()}"  # a second try finds the first one's there
    own = {"id": name, "title": name, "created": 1, "updated": 1, "system": "", "options": {}}
    found = {"format": "westlake-conversations", "version": 1}
    file = folder / "long.json"
    conversations = [{**own, "nodes": nodes, "leaf": "n119"}]
    file.write_text(json.dumps({**found, "conversations": conversations}), encoding="utf-8")
    visitor.page.set_input_files("#import-file", file)
    visitor.page.locator(".conversation", has_text=name).click()
    expect(visitor.page.locator("#thread .turn")).to_have_count(120)
    expect(visitor.page.locator(".assistant math")).to_have_count(60)


def streamed(browser: Browser, visitor: Visitor, asked: str) -> Streamed:
    """A long answer, from the moment it is asked for until all of it stands there."""
    page = visitor.page
    cdp = visitor.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def spent() -> dict[str, float]:
        metrics = cdp.send("Performance.getMetrics")["metrics"]
        return {each["name"]: 1000 * each["value"] for each in metrics if each["name"] in SPENT}

    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-max_tokens", "9000")
    page.click("#chat-parameters [data-close]")
    page.wait_for_load_state("networkidle")
    page.evaluate(
        """() => {
            window.tasks = [];
            const seen = (list) => tasks.push(...list.getEntries().map((e) => e.duration));
            new PerformanceObserver(seen).observe({ type: "longtask" });
        }"""
    )
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-max_tokens", "9000")  # more than the page asks for by itself
    page.click("#chat-parameters [data-close]")
    page.wait_for_load_state("networkidle")
    browser.start_tracing(page=page, categories=["toplevel"])
    before, begun = spent(), time.monotonic()
    visitor.send(asked)
    page.wait_for_selector("#chat-stop-button:not([hidden])")
    page.wait_for_selector("#chat-send:not([hidden])", timeout=60_000)
    took = 1000 * (time.monotonic() - begun)
    # The script's tokens are bytes, of which each of the 2,000 pieces has four.
    speed = page.locator(".turn.assistant .stats")
    expect(speed).to_contain_text(visitor.words("tokens", count="8,000"))
    page.wait_for_timeout(300)
    after = spent()
    work = tasks_of_pages(json.loads(browser.stop_tracing()))[:3]
    assert work, "the trace tells of tasks"
    busy = {name: round(after[name] - before[name]) for name in SPENT}
    found = Streamed(page.evaluate("tasks"), work, busy, took)
    print(asked, found)
    return found


def tasks_of_pages(trace: dict[str, Any]) -> list[float]:
    """Milliseconds that the tasks of pages' threads had of the processor, the hardest first."""
    events = trace["traceEvents"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return sorted(
        (
            event.get("tdur", event.get("dur", 0)) / 1000
            for event in events
            if event["name"] == "ThreadControllerImpl::RunTask"
            and (event["pid"], event["tid"]) in threads
        ),
        reverse=True,
    )


def never_stutters(
    browser: Browser, visit: Visits, server: Server, asked: str, folder: Path | None = None
) -> Streamed:
    """No task over 50 ms. The browser's own account, PerformanceObserver, goes by the clock: where
    others need the processor too, a task is also long when it had to wait. So where it tells of
    any, what the tasks took of the processor is what counts, and three tries are made of which the
    middle one must have no long task."""

    def one_try() -> Streamed:
        visitor = visit(server)
        if folder:
            long_chat(visitor, folder)
        return streamed(browser, visitor, asked)

    tries = [one_try()]
    if tries[0].long:
        tries += [one_try() for _ in range(2)]
        assert sorted(max(each.work) for each in tries)[1] <= LONGEST_TASK_MS, tries
    return tries[0]


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_no_long_tasks_while_an_answer_streams(
    browser: Browser, visit: Visits, scripted: Server, tmp_path: Path
) -> None:
    """Below sixty exchanges."""
    found = never_stutters(browser, visit, scripted, FAST, tmp_path)
    assert 9_000 < found.took < 50_000, "200 a second, unless others need the processor"
    assert found.busy["TaskDuration"] < 0.5 * found.took, "most of the time it is idle"


@pytest.mark.figures
@pytest.mark.parametrize("lang", ["zh-CN"])
@pytest.mark.parametrize("kind", ["prose", "new", "list", "code", "table"])
def test_no_long_tasks_with_one_kind_of_text(
    browser: Browser, visit: Visits, scripted: Server, kind: str
) -> None:
    never_stutters(browser, visit, scripted, f"{FAST} {kind}")
