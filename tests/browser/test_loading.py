"""What the page weighs, how soon it can be used, and that it never stutters."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import FAST
from tests.browser.visitor import Visitor
from tests.e2e.server import Server

MOST_BYTES = 90_000
USABLE_MS = 1000
LONGEST_TASK_MS = 50
SPENT = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def test_first_load(browser: Browser, real: Server) -> None:
    page = browser.new_page(locale="zh-CN")
    answers: list[Response] = []
    page.on("response", lambda response: answers.append(response))
    page.goto(real.url)
    page.wait_for_selector("html[data-started]")
    page.wait_for_load_state("networkidle")
    sizes = {each.url.removeprefix(real.url): len(gzip.compress(each.body())) for each in answers}
    assert len(sizes) > 40
    assert sum(sizes.values()) <= MOST_BYTES, sorted(sizes.items(), key=lambda pair: -pair[1])[:9]
    usable = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert usable < 5 * USABLE_MS, "a shared machine gets five times as long"
    page.close()


@dataclass(frozen=True)
class Streamed:
    """What 2,000 pieces at 200 a second were for the page's one thread, in milliseconds."""

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
    own = {"id": "c", "title": "long", "created": 1, "updated": 1, "system": "", "options": {}}
    found = {"format": "westlake-conversations", "version": 1}
    file = folder / "long.json"
    conversations = [{**own, "nodes": nodes, "leaf": "n119"}]
    file.write_text(json.dumps({**found, "conversations": conversations}), encoding="utf-8")
    visitor.page.set_input_files("#import-file", file)
    visitor.page.locator(".conversation").click()
    expect(visitor.page.locator("#thread .turn")).to_have_count(120)
    expect(visitor.page.locator(".theirs math")).to_have_count(60)


def streamed(browser: Browser, visitor: Visitor, asked: str) -> Streamed:
    """A long answer, from the moment it is asked for until all of it stands there."""
    page = visitor.page
    cdp = visitor.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def spent() -> dict[str, float]:
        metrics = cdp.send("Performance.getMetrics")["metrics"]
        return {each["name"]: 1000 * each["value"] for each in metrics if each["name"] in SPENT}

    page.wait_for_load_state("networkidle")
    page.evaluate(
        """() => {
            window.tasks = [];
            const seen = (list) => tasks.push(...list.getEntries().map((e) => e.duration));
            new PerformanceObserver(seen).observe({ type: "longtask" });
        }"""
    )
    browser.start_tracing(page=page, categories=["toplevel"])
    before, begun = spent(), time.monotonic()
    visitor.send(asked)
    page.wait_for_selector("#chat-halt:not([hidden])")
    page.wait_for_selector("#chat-send:not([hidden])", timeout=60_000)
    took = 1000 * (time.monotonic() - begun)
    # The script's tokens are bytes, of which each of the 2,000 pieces has four.
    speed = page.locator(".turn.theirs .speed")
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
