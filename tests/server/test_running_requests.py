"""RunningRequests: what has begun may end, nothing else begins."""

from __future__ import annotations

import threading

from app.server.running_requests import RunningRequests


def test_close_waits_for_what_has_begun() -> None:
    running = RunningRequests()
    assert running.begin()
    assert running.begin()
    closed: list[bool] = []
    closing = threading.Thread(target=lambda: closed.append(running.close(30)))
    closing.start()
    running.end()
    closing.join(0.05)
    assert closing.is_alive(), "one still runs"
    running.end()
    closing.join(30)
    assert closed == [True]
    assert not running.begin()


def test_close_gives_up() -> None:
    running = RunningRequests()
    assert running.begin()
    assert not running.close(0.01)
    assert not running.begin()


def test_nothing_runs() -> None:
    running = RunningRequests()
    assert running.begin()
    running.end()
    assert running.close(0)
