"""Trouble of the machine: full disks, a closed log pipe, a wall clock that jumps, too few file
descriptors. Requests must still be served."""

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
from tests.stack.conftest import Stack, running_stack
from tests.stack.load import job, perform, spelled


def all_right(stack: Stack, requests: int) -> None:
    http = stack.http
    with ThreadPoolExecutor(16) as pool:
        works = [job(index, http) for index in range(requests)]
        results = Counter(pool.map(lambda work: perform(http, work), works))
    assert results == {"right": requests}


MANY = pytest.mark.parametrize("requests", [100, pytest.param(1000, marks=pytest.mark.figures)])


@MANY
def test_the_log_cannot_be_written(requests: int) -> None:
    """As on a full disk: every line fails."""
    command = ("bash", "-c", 'exec "$@" > /dev/full 2>&1', "-")
    settings = {"PYTHONUNBUFFERED": 1}
    with running_stack(settings=settings, before=command) as stack:
        for _ in range(5):  # errors are logged, too
            assert stack.http.post(COMPLETIONS, b"{").status == 400
        all_right(stack, requests)


@MANY
def test_log_pipe_without_reader(requests: int) -> None:
    """A log pipe whose reader has exited."""
    command = ("bash", "-c", 'exec "$@" > >(exec 0<&-; sleep 0) 2>&1', "-")
    with running_stack(before=command) as stack:
        all_right(stack, requests)


@MANY
def test_nothing_more_can_be_written(requests: int) -> None:
    """No file may grow, neither the log nor temporary files."""
    with running_stack(before=("prlimit", "--fsize=0")) as stack:
        for _ in range(5):
            assert stack.http.post(COMPLETIONS, b"{").status == 400
        all_right(stack, requests)
        assert not stack.server.logged()


FULL_TMP = """
mount -t tmpfs -o size=64k none /tmp
head -c 1M /dev/zero > /tmp/fill 2>/dev/null
test "$(df --output=avail /tmp | tail -n 1)" -eq 0 && exec "$@"
"""


@isolated
@MANY
def test_the_folder_for_temporary_files_is_full(requests: int) -> None:
    command = ("unshare", "--mount", "bash", "-c", FULL_TMP, "-")
    with running_stack(before=command, place="/var/tmp") as stack:
        all_right(stack, requests)
        prompt = "a" * (7 << 20)
        reply = stack.http.post(COMPLETIONS, {"prompt": prompt, "max_tokens": 1})
        assert (reply.status, reply.error()["code"]) == (400, "context_length_exceeded")


@pytest.mark.fault
def test_the_clock_is_set() -> None:
    """An hour forward, a day back, during streams and during the drain."""
    with tempfile.TemporaryDirectory() as name:
        clock = Path(name) / "clock"
        clock.write_text("+0s\n")
        settings = {"STACK_CLOCK": clock}
        with running_stack(settings=settings) as stack, ThreadPoolExecutor(8) as pool:
            http = stack.http
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
            stack.server.terminate()
            wait_until(lambda: http.get("/ready").status == 503, stack.server.logged)
            clock.write_text("+172800s\n")
            assert last.result().text() == spelled((5, 6), 700)


@pytest.mark.fault
def test_few_descriptors() -> None:
    """More clients than file descriptors: they wait."""
    with running_stack(before=("prlimit", "--nofile=64")) as stack:
        http = stack.http
        with ThreadPoolExecutor(100) as pool:
            asked = [job(index, http, streamed=False) for index in range(100)]
            results = Counter(pool.map(lambda work: perform(http, work), asked))
        assert results["right"] == 100
        assert "Traceback" not in stack.server.logged()
        stack.settled()
