"""Stop ends the work on the server, and what was said stays."""

from __future__ import annotations

import re
import time

import pytest

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import SLOW
from tests.e2e.server import Server


def generated(server: Server) -> int:
    """Pieces that the engine has given out."""
    text = server.client.get("/metrics").body.decode()
    found = re.search(r"^westlake_generation_tokens_total (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


@pytest.mark.parametrize("how", ["button", "Escape", "leaving"])
def test_stop_in_the_chat(visit: Visits, scripted: Server, how: str) -> None:
    visitor = visit(scripted)
    visitor.send(SLOW)
    visitor.page.wait_for_selector(".theirs .said:has-text('word w')")
    if how == "button":
        visitor.page.click("#chat-halt")
    elif how == "Escape":
        visitor.page.keyboard.press("Escape")
    else:
        visitor.open("/?lang=en")
    time.sleep(1.0)
    then = generated(scripted)
    time.sleep(0.5)
    assert generated(scripted) == then, "the engine has gone on"
    if how != "leaving":
        answer = visitor.answered()
        assert "stopped" in answer.locator(".speed").inner_text()
        assert visitor.said()[-1].startswith("word")
        assert visitor.ask("say next").locator(".said").inner_text() == "next"


def test_stop_in_the_completion(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, "/#completion")
    visitor.page.fill("#completion-prompt", SLOW)
    visitor.page.click("#completion-send")
    visitor.page.wait_for_selector(".token")
    visitor.page.click("#completion-halt")
    visitor.page.wait_for_selector("#completion-send:not([hidden])")
    time.sleep(1.0)
    then = generated(scripted)
    time.sleep(0.5)
    assert generated(scripted) == then
    assert "stopped" in visitor.page.inner_text("#completion-answer .speed")
