"""The machine around the server misbehaves: full disks, a log nobody reads, a clock that jumps,
too few descriptors. Requests are answered all the same."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.client import COMPLETIONS
from tests.harness.waiting import wait_until
from tests.namespaces import isolated
from tests.stack.conftest import Stack, stack
from tests.stack.load import job, perform, spelled


def all_right(found: Stack, requests: int) -> None:
    http = found.http
    with ThreadPoolExecutor(16) as pool:
        works = [job(number, http) for number in range(requests)]
        results = Counter(pool.map(lambda work: perform(http, work), works))
    assert results == {"right": requests}


MANY = pytest.mark.parametrize("requests", [100, pytest.param(1000, marks=pytest.mark.figures)])


@MANY
def test_the_log_cannot_be_written(requests: int) -> None:
    """As on a full disk: every line fails."""
    command = ("bash", "-c", 'exec "$@" > /dev/full 2>&1', "-")
    settings = {"PYTHONUNBUFFERED": 1}
    with stack(settings=settings, before=command) as found:
        for _ in range(5):  # refusals are logged, too
            assert found.http.post(COMPLETIONS, b"{").status == 400
        all_right(found, requests)


@MANY
def test_nobody_reads_the_log(requests: int) -> None:
    """A pipe whose reader has gone."""
    command = ("bash", "-c", 'exec "$@" > >(exec 0<&-; sleep 0) 2>&1', "-")
    with stack(before=command) as found:
        all_right(found, requests)


@MANY
def test_nothing_more_can_be_written(requests: int) -> None:
    """No file may grow: neither the log nor anything temporary."""
    with stack(before=("prlimit", "--fsize=0")) as found:
        for _ in range(5):
            assert found.http.post(COMPLETIONS, b"{").status == 400
        all_right(found, requests)
        assert not found.server.logged()


FULL_TMP = """
mount -t tmpfs -o size=64k none /tmp
head -c 1M /dev/zero > /tmp/fill 2>/dev/null
test "$(df --output=avail /tmp | tail -n 1)" -eq 0 && exec "$@"
"""


@isolated
@MANY
def test_the_folder_for_temporary_files_is_full(requests: int) -> None:
    command = ("unshare", "--mount", "bash", "-c", FULL_TMP, "-")
    with stack(before=command, place="/var/tmp") as found:
        all_right(found, requests)
        prompt = "a" * (7 << 20)
        reply = found.http.post(COMPLETIONS, {"prompt": prompt, "max_tokens": 1})
        assert (reply.status, reply.error()["code"]) == (400, "context_length_exceeded")


@pytest.mark.fault
def test_the_clock_is_set() -> None:
    """An hour forth, a day back, in the middle of streams, and while the server stops."""
    with tempfile.TemporaryDirectory() as name:
        clock = Path(name) / "clock"
        clock.write_text("+0s\n")
        settings = {"STACK_CLOCK": clock}
        with stack(settings=settings) as found, ThreadPoolExecutor(8) as pool:
            http = found.http
            body = {"prompt": [5, 6], "max_tokens": 700}
            streams = [pool.submit(http.stream, COMPLETIONS, body) for _ in range(8)]
            wait_until(lambda: http.in_flight() == 8, lambda: str(http.metrics()))
            for jump in ("+3600s", "-86400s", "+86400s"):
                clock.write_text(f"{jump}\n")
                created = http.post(COMPLETIONS, {"prompt": [3], "max_tokens": 1}).ok()["created"]
                assert abs(created - time.time() - float(jump[:-1])) < 60, "the clock stood still"
                time.sleep(0.3)
            assert {stream.result().text() for stream in streams} == {spelled((5, 6), 700)}
            last = pool.submit(http.stream, COMPLETIONS, body)
            wait_until(lambda: http.in_flight() == 1, lambda: str(http.metrics()))
            found.server.terminate()
            wait_until(lambda: http.get("/ready").status == 503, found.server.logged)
            clock.write_text("+172800s\n")
            assert last.result().text() == spelled((5, 6), 700)


@pytest.mark.fault
def test_few_descriptors() -> None:
    """More clients than descriptors: they wait their turn."""
    with stack(before=("prlimit", "--nofile=64")) as found:
        http = found.http
        with ThreadPoolExecutor(100) as pool:
            asked = [job(number, http, streamed=False) for number in range(100)]
            results = Counter(pool.map(lambda work: perform(http, work), asked))
        assert results["right"] == 100
        assert "Traceback" not in found.server.logged()
        found.settled()
