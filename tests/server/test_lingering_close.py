"""Lingering close of hundreds of connections: the caller never blocks."""

from __future__ import annotations

import selectors
import socket
import threading

import pytest

from app.server import lingering_close
from app.server.lingering_close import LingeringCloser
from tests.harness.waiting import wait_until

SOON_S = 5.0


def pairs(count: int) -> list[tuple[socket.socket, socket.socket]]:
    return [socket.socketpair() for _ in range(count)]


def all_closed(both: list[tuple[socket.socket, socket.socket]]) -> None:
    """Wait until the server's ends are closed."""
    wait_until(lambda: all(ours.fileno() < 0 for ours, _ in both), lambda: "one is open")


def closed(peer: socket.socket) -> bool:
    """Whether its other end is fully closed, not just its sending half."""
    try:
        peer.send(b"x")
    except BrokenPipeError:
        return True
    return False


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("leave_first", [True, False])
def test_hundreds_at_once(threads: int, leave_first: bool) -> None:
    """More than the wake-up socket's buffer holds, while the linger thread is busy."""
    lingerer, both = LingeringCloser(), pairs(480)

    def work(index: int) -> None:
        for ours, theirs in both[index::threads]:
            if leave_first:
                theirs.close()
            lingerer.close(ours)

    workers = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(SOON_S)
        assert not worker.is_alive(), "closing waits"
    for _, theirs in both:
        theirs.close()
    all_closed(both)


def test_close_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while the linger thread hangs."""
    lingerer, going, both = LingeringCloser(), threading.Event(), pairs(480)
    run = LingeringCloser._run

    def late(self: LingeringCloser, selector: selectors.BaseSelector) -> None:
        going.wait(60)
        run(self, selector)

    monkeypatch.setattr(LingeringCloser, "_run", late)
    closing = threading.Thread(
        target=lambda: [lingerer.close(ours) for ours, _ in both], daemon=True
    )
    closing.start()
    closing.join(SOON_S)
    waits = closing.is_alive()
    for _, theirs in both:
        theirs.close()
    going.set()
    assert not waits
    all_closed(both)


def test_the_silent_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering_close, "IDLE_TIMEOUT_S", 0.3)
    lingerer, both = LingeringCloser(), pairs(20)
    for ours, theirs in both:
        lingerer.close(ours)
        assert theirs.recv(1) == b""
        assert not closed(theirs)
    # Each check sends a byte, which restarts the idle timeout: so check rarely.
    wait_until(lambda: all(closed(theirs) for _, theirs in both), pause_s=0.6)
    for _, theirs in both:
        theirs.close()


def test_too_many_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering_close, "MAX_LINGERING", 10)
    lingerer, both = LingeringCloser(), pairs(30)
    for ours, _ in both:
        lingerer.close(ours)
    assert sum(ours.fileno() >= 0 for ours, _ in both) == 10
    for _, theirs in both:
        theirs.close()
