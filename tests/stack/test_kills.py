"""kill -9: no client takes half an answer for a whole one, and the service comes back."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import openai
import psutil
import pytest

from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack, stack

STREAMS = 16
TOKENS = 2000


def follow(sdk: openai.OpenAI, number: int) -> str:
    """What the openai client makes of a stream: "whole" or "error"."""
    prompt = [number + 3, 4]
    tokens = 0
    try:
        chunks = sdk.completions.create(
            model="chinese-llama-alpaca", prompt=prompt, max_tokens=TOKENS, stream=True
        )
        reason = None
        for chunk in chunks:
            tokens += chunk.choices[0].text.count(".")
            reason = chunk.choices[0].finish_reason or reason
    except openai.APIError:
        return "error"
    assert (tokens, reason) == (TOKENS, "length"), "half an answer looked like a whole one"
    return "whole"


def kill_under_load(found: Stack, times: int) -> None:
    """The worker dies at some moment while sixteen streams run, `times` times."""
    http, rng = found.http, random.Random(times)
    seen: Counter[str] = Counter()
    with (
        openai.OpenAI(base_url=f"{found.server.url}/v1", api_key="none", max_retries=0) as sdk,
        ThreadPoolExecutor(STREAMS) as pool,
    ):
        for _ in range(times):
            worker = found.server.worker
            streams = [pool.submit(follow, sdk, number) for number in range(STREAMS)]
            wait_until(lambda: http.in_flight() == STREAMS, lambda: str(http.metrics()))
            time.sleep(rng.random())
            began = time.monotonic()
            os.kill(worker.pid, signal.SIGKILL)
            seen.update(stream.result() for stream in streams)
            wait_until(lambda: http.get("/ready").status == 200, found.server.logged)
            print(f"back after {time.monotonic() - began:.2f} s")
            assert not worker.is_running()
            assert len(psutil.Process(found.server.process.pid).children()) == 1
    assert seen == {"error": times * STREAMS}


@pytest.mark.fault
def test_the_worker_is_killed_twice() -> None:
    with stack() as found:
        kill_under_load(found, 2)
        found.settled()


@pytest.mark.figures
def test_the_worker_is_killed_twenty_times() -> None:
    with stack(settings={"STACK_CALM_EXITS": 100}) as found:
        kill_under_load(found, 20)
        found.settled()


@pytest.mark.fault
def test_the_master_is_killed() -> None:
    """No worker is left behind; a service manager can start anew at once."""
    with stack() as found:
        worker = found.server.worker
        found.server.process.kill()
        found.server.process.wait()
        began = time.monotonic()
        wait_until(partial(ended, worker), lambda: "the worker lives on")
        print(f"the worker ended after {time.monotonic() - began:.1f} s")
        reply = found.http.get("/health")
        assert reply.status == 503 and reply.error()["code"] == "shutting_down"
        found.server.process.returncode = 0  # as it was meant


def ended(worker: psutil.Process) -> bool:
    """Also when the system's first process has not asked how it ended."""
    try:
        return worker.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
