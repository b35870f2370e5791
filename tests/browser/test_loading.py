"""What the page weighs, how soon it can be used, and that it never stutters."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Response, expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import FAST
from tests.browser.visitor import Visitor
from tests.e2e.server import Server

MOST_BYTES = 90_000
USABLE_MS = 1000
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
    """What 2,000 pieces at 200 a second were for the page's one thread."""

    long: list[float]  #: milliseconds of the tasks over 50
    seconds: dict[str, float]  #: by what they went to
    took: float  #: seconds in all


def streamed(visitor: Visitor, asked: str) -> Streamed:
    """A long answer, from the moment it is asked for until all of it stands there."""
    page = visitor.page
    cdp = visitor.context.new_cdp_session(page)
    cdp.send("Performance.enable")

    def spent() -> dict[str, float]:
        metrics = cdp.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in metrics if each["name"] in SPENT}

    page.wait_for_load_state("networkidle")
    page.evaluate(
        """() => {
            window.tasks = [];
            const seen = (list) => tasks.push(...list.getEntries().map((e) => e.duration));
            new PerformanceObserver(seen).observe({ type: "longtask" });
        }"""
    )
    before, begun = spent(), time.monotonic()
    visitor.send(asked)
    page.wait_for_selector("#chat-halt:not([hidden])")
    page.wait_for_selector("#chat-send:not([hidden])", timeout=60_000)
    took = time.monotonic() - begun
    # The script's tokens are bytes, of which each of the 2,000 pieces has four.
    speed = page.locator(".turn.theirs .speed")
    expect(speed).to_contain_text(visitor.words("tokens", count="8,000"))
    page.wait_for_timeout(300)
    after = spent()
    seconds = {name: round(after[name] - before[name], 3) for name in SPENT}
    found = Streamed(page.evaluate("tasks"), seconds, took)
    print(asked, found)
    return found


def never_stutters(visit: Visits, server: Server, asked: str) -> Streamed:
    """No task over 50 ms, by the browser's own account. It counts by the clock: where others need
    the processor too, a task is also long when it had to wait. So a try that has one is followed
    by two more, which must have none."""
    tries = [streamed(visit(server), asked)]
    if tries[0].long:
        tries += [streamed(visit(server), asked) for _ in range(2)]
    assert sorted(len(each.long) for each in tries)[len(tries) // 2] == 0, tries
    return tries[0]


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_no_long_tasks_while_an_answer_streams(visit: Visits, scripted: Server) -> None:
    found = never_stutters(visit, scripted, FAST)
    assert 9 < found.took < 30, "200 a second, more or less"
    assert found.seconds["TaskDuration"] < 0.5 * found.took, "most of the time it is idle"


@pytest.mark.figures
@pytest.mark.parametrize("lang", ["zh-CN"])
@pytest.mark.parametrize("kind", ["prose", "list", "code", "table"])
def test_no_long_tasks_with_one_kind_of_text(visit: Visits, scripted: Server, kind: str) -> None:
    never_stutters(visit, scripted, f"{FAST} {kind}")
