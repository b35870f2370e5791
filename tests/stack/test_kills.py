"""kill -9: no client takes a partial response for a complete one, and the service restarts."""

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
from tests.stack.conftest import Stack, running_stack

STREAMS = 16
TOKENS = 2000


def follow(sdk: openai.OpenAI, index: int) -> str:
    """How a stream ends in the openai client: "whole" or "error"."""
    prompt = [index + 3, 4]
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


def kill_under_load(stack: Stack, times: int) -> None:
    """Kill the worker `times` times, at a random moment with sixteen streams."""
    http, rng = stack.http, random.Random(times)
    seen: Counter[str] = Counter()
    with (
        openai.OpenAI(base_url=f"{stack.server.url}/v1", api_key="none", max_retries=0) as sdk,
        ThreadPoolExecutor(STREAMS) as pool,
    ):
        for _ in range(times):
            worker = stack.server.worker
            streams = [pool.submit(follow, sdk, index) for index in range(STREAMS)]
            wait_until(lambda: http.in_flight() == STREAMS, lambda: str(http.metrics()))
            time.sleep(rng.random())
            began = time.monotonic()
            os.kill(worker.pid, signal.SIGKILL)
            seen.update(stream.result() for stream in streams)
            wait_until(lambda: http.get("/ready").status == 200, stack.server.logged)
            print(f"back after {time.monotonic() - began:.2f} s")
            assert not worker.is_running()
            assert len(psutil.Process(stack.server.process.pid).children()) == 1
    assert seen == {"error": times * STREAMS}


@pytest.mark.fault
def test_the_worker_is_killed_twice() -> None:
    with running_stack() as stack:
        kill_under_load(stack, 2)
        stack.settled()


@pytest.mark.figures
def test_the_worker_is_killed_twenty_times() -> None:
    with running_stack(settings={"STACK_UNDELAYED_RESTARTS": 100}) as stack:
        kill_under_load(stack, 20)
        stack.settled()


@pytest.mark.fault
def test_the_master_is_killed() -> None:
    """No worker stays alive, so a service manager can restart at once."""
    with running_stack() as stack:
        worker = stack.server.worker
        stack.server.process.kill()
        stack.server.process.wait()
        began = time.monotonic()
        wait_until(partial(ended, worker), lambda: "the worker lives on", limit_s=8)
        print(f"the worker ended after {time.monotonic() - began:.1f} s")
        reply = stack.http.get("/health")
        assert reply.status == 503 and reply.error()["code"] == "shutting_down"
        stack.server.process.returncode = 0  # expected: killed above


def ended(worker: psutil.Process) -> bool:
    """Also if it is a zombie that init has not reaped."""
    try:
        return worker.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
