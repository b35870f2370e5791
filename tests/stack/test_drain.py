"""SIGTERM with nginx in front: new requests are refused, running ones finish or get an error."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import IncompleteRead

import openai
import psutil
import pytest

from tests.harness.client import COMPLETIONS, Client
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack, running_stack
from tests.stack.load import spelled
from tests.stack.test_engine_faults import error_or_text

STREAMS = 32
#: Between two restarts: longer than Retry-After, or a client could meet the next one.
PAUSE_S = 6.0


def refused_at_once(http: Client) -> None:
    """A new request gets 503 shutting_down."""
    began = time.monotonic()
    reply = http.post(COMPLETIONS, {"prompt": [3], "max_tokens": 1})
    assert (reply.status, reply.error()["code"]) == (503, "shutting_down")
    assert int(reply.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 3 * 0.5


def drains(http: Client) -> bool:
    """Whether the worker is draining."""
    return http.get("/ready").status == 503


def finish_what_runs() -> None:
    with running_stack() as stack, ThreadPoolExecutor(STREAMS) as pool:
        http = stack.http
        body = {"prompt": [5, 6], "max_tokens": 400}
        streams = [
            pool.submit(error_or_text, http, {**body, "stream": n % 4 > 0}) for n in range(STREAMS)
        ]
        wait_until(lambda: http.in_flight() == STREAMS, lambda: str(http.metrics()))
        stack.server.terminate()
        wait_until(lambda: drains(http), stack.server.logged)
        for _ in range(5):
            refused_at_once(http)
        assert stack.server.process.poll() is None
        assert {stream.result() for stream in streams} == {spelled((5, 6), 400)}
        done = time.monotonic()
        assert stack.server.exit_code() == 0, stack.server.logged()
        print(f"ended {time.monotonic() - done:.2f} s after the last answer")
        assert time.monotonic() - done < 5
        assert "Traceback" not in stack.server.logged()


@pytest.mark.fault
def test_short_answers_are_finished() -> None:
    finish_what_runs()


@pytest.mark.fault
def test_endless_requests_get_an_error() -> None:
    with running_stack(settings={"STACK_GRACE_S": 6}) as stack, ThreadPoolExecutor(8) as pool:
        http = stack.http
        body = {"prompt": [5, 6], "max_tokens": 11_000}
        streams = [
            pool.submit(error_or_text, http, {**body, "stream": n % 2 > 0}) for n in range(8)
        ]
        wait_until(lambda: http.in_flight() == 8, lambda: str(http.metrics()))
        began = time.monotonic()
        stack.server.terminate()
        for stream in streams:
            error = stream.result()
            assert isinstance(error, dict) and error["code"] == "shutting_down"
        assert stack.server.exit_code() == 0
        assert 2.5 < time.monotonic() - began < 10


@pytest.mark.fault
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGQUIT])
def test_a_second_signal_ends_the_drain(second: signal.Signals) -> None:
    endless = {"prompt": [5], "max_tokens": 11_000, "stream": True}
    with running_stack() as stack:
        with stack.http.open(COMPLETIONS, endless) as s:
            next(s.tokens())
            stack.server.terminate()
            wait_until(lambda: drains(stack.http), stack.server.logged)
            began = time.monotonic()
            stack.server.process.send_signal(second)
            with pytest.raises(IncompleteRead):
                s.response.read()
            assert stack.server.exit_code() == 0
            assert time.monotonic() - began < 4


@pytest.mark.figures
def test_twenty_restarts_that_retrying_clients_do_not_notice() -> None:
    """Requests much shorter than graceful_timeout, and clients with two retries (the default)."""
    settings = {"STACK_STEP_S": 0.001, "STACK_UNDELAYED_RESTARTS": 100}
    stop = threading.Event()
    with (
        running_stack(settings=settings) as stack,
        openai.OpenAI(base_url=f"{stack.server.url}/v1", api_key="none", max_retries=2) as sdk,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask() -> int:
            count = 0
            while not stop.is_set():
                answer = sdk.completions.create(
                    model="chinese-llama-alpaca", prompt=[5, 6], max_tokens=20
                )
                assert answer.choices[0].text == spelled((5, 6), 20)
                count += 1
            return count

        asking = [pool.submit(ask) for _ in range(8)]
        try:
            for _ in range(20):
                time.sleep(PAUSE_S)
                old = stack.server.worker
                old.terminate()  # the master restarts it, as after a crash
                wait_until(partial(replaced, stack, old), stack.server.logged)
        finally:
            stop.set()
        answered = sum(each.result() for each in asking)
        print(f"{answered} answers over 20 restarts")
        assert answered > 500
        stack.settled()


def replaced(stack: Stack, old: psutil.Process) -> bool:
    """Whether a new worker is ready."""
    workers = psutil.Process(stack.server.process.pid).children()
    return old not in workers and len(workers) == 1 and stack.http.get("/ready").status == 200
