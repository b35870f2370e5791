"""deploy/ray's application with two replicas: what is lost with one of them. `make verify` only."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

import pytest

from tests.deploy.ray_serve import (
    ENGINE,
    REPLICA,
    SERVED,
    Application,
    loaded,
    running_application,
)
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.figures
STREAMS, TOKENS = 8, 300
COME_BACK_S = 10.0


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running_application(tmp_path_factory.mktemp("ray"), replicas=2) as application:
        yield application


def completion(port: int, **fields: object) -> HTTPConnection:
    """Send a completion."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    body = json.dumps({"model": SERVED, "prompt": "One day", "ignore_eos": True, **fields})
    connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    return connection


def followed(port: int, seed: int) -> str:
    """How a stream ends: "whole", "broken" off, or with an "error" event."""
    connection = completion(port, seed=seed, stream=True, max_tokens=TOKENS)
    try:
        events = connection.getresponse().read().decode().strip().split("\n\n")
    except HTTPException:
        return "broken"
    finally:
        connection.close()
    if any(event.startswith('data: {"error"') for event in events):
        return "error"
    assert events[-1] == "data: [DONE]" and len(events) >= TOKENS, "half an answer looks whole"
    return "whole"


def refused(port: int) -> bool:
    """Whether a short request fails."""
    connection = completion(port, max_tokens=3)
    try:
        response = connection.getresponse()
        response.read()
        return response.status != 200
    except (OSError, HTTPException):
        return True
    finally:
        connection.close()


@pytest.mark.parametrize("title", [REPLICA, ENGINE])
def test_a_killed_replica_takes_only_its_streams(application: Application, title: str) -> None:
    """Killed as a whole, and its engine's process alone."""
    port = application.port
    print("MB:", application.pss_mb())
    assert not any(refused(port) for _ in range(10))
    with ThreadPoolExecutor(STREAMS) as pool:
        streams = []
        for seed in range(STREAMS):
            streams.append(pool.submit(followed, port, seed))
            time.sleep(0.4)  # Ray Serve counts a replica's requests with some delay
        before = application.processes(REPLICA)
        application.processes(title)[0].kill()
        killed_at = time.monotonic()
        tries = [refused(port) for _ in range(8)]
        wait_until(lambda: not any(refused(port) for _ in range(4)), limit_s=COME_BACK_S)
        print(f"{sum(tries)} of 8 failed, none after {time.monotonic() - killed_at:.1f} s")
        ends = Counter(stream.result() for stream in streams)
    print(dict(ends))
    assert ends["whole"] and ends["broken"] + ends["error"], "all, or none, were on it"
    began = time.monotonic()
    wait_until(
        lambda: loaded(application, 2) and application.processes(REPLICA) != before,
        application.log.read_text,
        limit_s=300,
        pause_s=0.5,
    )
    print(f"two replicas again after {time.monotonic() - began:.0f} s")
