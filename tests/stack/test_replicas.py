"""Three replicas behind nginx: what one of them takes with it when it is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, IncompleteRead

import pytest

from tests.harness.client import COMPLETIONS
from tests.harness.server import Server
from tests.harness.waiting import wait_until
from tests.stack.cluster import Cluster, kill_all, running_cluster
from tests.stack.load import spelled

LONG, TOKENS = 18, 300
#: The counting model's step. A stream takes 1.5 s; a replica loads for a second.
SETTINGS: dict[str, object] = {"STACK_STEP_S": 0.005, "STACK_LOAD_S": 1}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(3, SETTINGS) as cluster:
        yield cluster
        for replica in cluster.replicas:
            assert "Traceback" not in replica.logged()


def ending(cluster: Cluster, name: str, stream: bool, tokens: int) -> str:
    """How the request with this id ends: "whole", "broken" without a clean end, or "503"."""
    prompt = (len(name), *name.encode())
    body = {"prompt": prompt, "max_tokens": tokens, "stream": stream}
    connection = HTTPConnection("127.0.0.1", cluster.proxy.port, timeout=30)
    headers = {"Content-Type": "application/json", "X-Request-Id": name}
    try:
        connection.request("POST", COMPLETIONS, json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read()
    except IncompleteRead as error:
        assert stream and b"[DONE]" not in error.partial
        return "broken"
    finally:
        connection.close()
    if response.status == 503:
        assert json.loads(data)["error"]["code"] == "shutting_down"
        assert int(response.headers["Retry-After"]) >= 1
        return "503"
    if stream:
        *events, done = data.decode().strip().split("\n\n")
        assert done == "data: [DONE]", data[-200:]
        choices = [json.loads(event.removeprefix("data: "))["choices"] for event in events]
        text = "".join(choice["text"] for (choice,) in choices)
    else:
        text = json.loads(data)["choices"][0]["text"]
    assert text == spelled(prompt, tokens)
    return "whole"


@contextmanager
def short_ones(cluster: Cluster, prefix: str) -> Iterator[dict[str, str]]:
    """Short requests, four at a time, during the block: how each of them ended, by its id."""
    ends: dict[str, str] = {}
    stop = threading.Event()

    def ask(client: int) -> None:
        number = 0
        while not stop.is_set():
            name = f"{prefix}-{client}-{number}"
            ends[name] = ending(cluster, name, stream=number % 2 == 0, tokens=10)
            number += 1

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, client) for client in range(4)]
        try:
            yield ends
        finally:
            stop.set()
    for each in running:
        each.result()


def test_a_replica_that_loads_again_refuses_for_nobody(cluster: Cluster) -> None:
    """Only the worker is killed: its master listens on, and its next one answers 503 until it
    has loaded, with the fewest connections of all."""
    replica = cluster.replicas[1]
    os.kill(replica.worker.pid, signal.SIGKILL)
    wait_until(partial(refuses, replica))
    with short_ones(cluster, "again") as ends:
        wait_until(lambda: replica.client.get("/ready").status == 200)
    given = cluster.given_to()
    passed_on = [name for name in ends if given[name][0] == replica.port != given[name][-1]]
    print(f"{len(ends)} requests, {len(passed_on)} passed on")
    assert set(ends.values()) == {"whole"} and len(passed_on) >= 4


def test_metrics_are_each_replicas_own(cluster: Cluster) -> None:
    assert cluster.http.get("/metrics").status == 404
    assert cluster.replicas[2].client.metrics()["requests_completed_total"] > 0


def test_a_killed_replica_takes_only_its_own_requests(cluster: Cluster) -> None:
    """Master and worker at once. Its streams break off, its whole answers are a 503."""
    killed = cluster.replicas[0]
    names = [f"long-{index}" for index in range(LONG)]
    with ThreadPoolExecutor(LONG) as pool, short_ones(cluster, "short") as ends:
        answers = [
            pool.submit(ending, cluster, name, index % 3 > 0, TOKENS)
            for index, name in enumerate(names)
        ]
        clients = [replica.client for replica in cluster.replicas]
        wait_until(lambda: sum(client.in_flight() for client in clients) >= LONG)
        kill_all(killed)
        ends |= {name: answer.result() for name, answer in zip(names, answers, strict=True)}
    given = cluster.given_to()
    loads = Counter(given[name][0] for name in names)
    lost = Counter(end for end in ends.values() if end != "whole")
    print(f"{len(ends)} requests, the long ones {dict(loads)}, lost {dict(lost)}")
    assert len(loads) == 3 and max(loads.values()) <= 2 * min(loads.values())
    for index, name in enumerate(names):
        # A stream is a 503 too, if it had no token yet.
        of_killed = {"broken", "503"} if index % 3 else {"503"}
        lost_here = given[name] == [killed.port]
        assert ends[name] in (of_killed if lost_here else {"whole"}), (name, given[name])
    for name, end in ends.items():
        assert end == "whole" or given[name] == [killed.port], "not of the killed replica"
    assert sum(lost.values()) <= loads[killed.port] + 4, "more than it held"


def refuses(replica: Server) -> bool:
    """Whether it is up but not ready."""
    try:
        return replica.client.get("/ready").status == 503
    except ConnectionError:
        return False
