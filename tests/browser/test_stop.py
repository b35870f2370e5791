"""Stop ends the generation on the server and keeps the partial answer."""

from __future__ import annotations

import re
import time

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SLOW
from tests.harness.server import Server
from tests.harness.waiting import wait_until


def generated(server: Server) -> int:
    """Chunks that the engine has produced."""
    text = server.client.get("/metrics").body.decode()
    found = re.search(r"^westlake_generation_tokens_total (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def stands_still(server: Server) -> bool:
    """For ten steps."""
    then = generated(server)
    time.sleep(0.5)
    return generated(server) == then


def has_stopped(server: Server) -> None:
    """An idle machine needs a second."""
    wait_until(lambda: stands_still(server), lambda: "the engine goes on", limit_s=5)


def test_stop_in_the_chat(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    for stop in (
        lambda: page.click("#chat-stop-button"),
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator(".conversations li .quiet").first.click(),
        lambda: visitor.open("/?lang=en"),
    ):
        page.click("#new-chat")
        visitor.send(SLOW)
        page.wait_for_selector(".assistant .content:has-text('word w')")
        stop()
        has_stopped(scripted)
        if page.locator(".assistant").count():
            answer = visitor.answered()
            assert visitor.words("finish_stopped") in (
                answer.locator(".stats").text_content() or ""
            )
            assert visitor.said()[-1].startswith("word")
            assert (
                visitor.ask("say next").locator(".content").text_content() or ""
            ).strip() == "next"
    kept = page.locator(".conversation").all()
    assert len(kept) == 3, "what was begun is in the list, but for what was removed"


def test_stop_in_the_completion(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    visitor.page.fill("#completion-prompt", SLOW)
    visitor.page.click("#completion-send")
    visitor.page.wait_for_selector(".token")
    visitor.page.click("#completion-stop-button")
    visitor.page.wait_for_selector("#completion-send:not([hidden])")
    has_stopped(scripted)
    told = visitor.page.inner_text("#completion-answer .stats")
    assert visitor.words("finish_stopped") in told
