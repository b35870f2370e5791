"""SIGTERM through the whole stack: nothing new, what runs is finished, or told that it is not."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead

import openai
import pytest

from tests.e2e.client import COMPLETIONS, Client
from tests.e2e.server import eventually
from tests.stack.conftest import stack
from tests.stack.load import spelled
from tests.stack.test_engine_faults import told

STREAMS = 32


def refused_at_once(http: Client) -> None:
    """A new request is told that the server stops."""
    began = time.monotonic()
    reply = http.post(COMPLETIONS, {"prompt": [3], "max_tokens": 1})
    assert (reply.status, reply.error()["code"]) == (503, "shutting_down")
    assert int(reply.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 3 * 0.5


def finish_what_runs() -> None:
    with stack() as found, ThreadPoolExecutor(STREAMS) as pool:
        http = found.http
        body = {"prompt": [5, 6], "max_tokens": 400}
        streams = [pool.submit(told, http, {**body, "stream": n % 4 > 0}) for n in range(STREAMS)]
        eventually(lambda: http.in_flight() == STREAMS, 10, lambda: str(http.metrics()))
        found.server.terminate()
        time.sleep(0.3)
        for _ in range(5):
            refused_at_once(http)
        assert found.server.process.poll() is None
        assert {stream.result() for stream in streams} == {spelled((5, 6), 400)}
        done = time.monotonic()
        assert found.server.exit_code() == 0, found.server.logged()
        print(f"ended {time.monotonic() - done:.2f} s after the last answer")
        assert time.monotonic() - done < 5
        assert "Traceback" not in found.server.logged()


def test_short_answers_are_finished() -> None:
    finish_what_runs()


@pytest.mark.figures
@pytest.mark.parametrize("time_number", range(5))
def test_short_answers_are_finished_again(time_number: int) -> None:
    finish_what_runs()


def test_endless_answers_are_told() -> None:
    with stack(settings={"STACK_GRACE_S": 6}) as found, ThreadPoolExecutor(8) as pool:
        http = found.http
        body = {"prompt": [5, 6], "max_tokens": 11_000}
        streams = [pool.submit(told, http, {**body, "stream": n % 2 > 0}) for n in range(8)]
        eventually(lambda: http.in_flight() == 8, 10, lambda: str(http.metrics()))
        began = time.monotonic()
        found.server.terminate()
        for stream in streams:
            error = stream.result()
            assert isinstance(error, dict) and error["code"] == "shutting_down"
        assert found.server.exit_code() == 0
        assert 2.5 < time.monotonic() - began < 10


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGQUIT])
def test_told_twice_it_does_not_wait(second: signal.Signals) -> None:
    endless = {"prompt": [5], "max_tokens": 11_000, "stream": True}
    with stack() as found:
        with found.http.open(COMPLETIONS, endless) as s:
            next(s.tokens())
            found.server.terminate()
            time.sleep(1)
            began = time.monotonic()
            found.server.process.send_signal(second)
            with pytest.raises(IncompleteRead):
                s.response.read()
            assert found.server.exit_code() == 0
            assert time.monotonic() - began < 4


@pytest.mark.figures
def test_restarts_that_retrying_clients_do_not_notice() -> None:
    """Requests that are short against the grace, and a client that retries twice."""
    failures: list[Exception] = []
    for _ in range(3):
        with stack(settings={"STACK_STEP_S": 0.001}) as found, ThreadPoolExecutor(8) as pool:
            stop = time.monotonic() + 6
            sdk = openai.OpenAI(base_url=f"{found.server.url}/v1", api_key="none", max_retries=4)

            def ask(sdk: openai.OpenAI = sdk, stop: float = stop) -> int:
                count = 0
                while time.monotonic() < stop:
                    try:
                        answer = sdk.completions.create(
                            model="chinese-llama-alpaca", prompt=[5, 6], max_tokens=20
                        )
                        assert answer.choices[0].text == spelled((5, 6), 20)
                        count += 1
                    except openai.APIError as error:
                        failures.append(error)
                return count

            asking = [pool.submit(ask) for _ in range(8)]
            time.sleep(1)
            found.server.worker.terminate()  # the master starts another, as after a crash
            assert sum(each.result() for each in asking) > 50
            sdk.close()
    assert not failures
