"""Five hundred requests of every kind, a fifth of them cancelled: the counters add up."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.event_stream import read_events
from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Client
from tests.harness.server import Server
from tests.harness.waiting import wait_until

REQUESTS = 500
THREADS = 16
GIVEN_UP = 0.2
LONGEST_PATIENCE_S = 0.25


def request(index: int) -> tuple[str, dict[str, object], bool]:
    """(path, body, whether it is valid)."""
    rng = random.Random(index)
    text = rng.choice(["你好", "介绍一下西湖", "Tell me a story 😀", "杭州" * 100])
    fields: dict[str, object] = {"max_tokens": rng.randint(1, 40), "ignore_eos": True}
    if rng.random() < 0.5:
        fields["stream"] = True
    match rng.randrange(10):
        case 0 | 1 | 2:
            return COMPLETIONS, {"prompt": text, **fields}, True
        case 3:
            return COMPLETIONS, {"prompt": [text, "你好"], "n": 2, **fields}, True
        case 4:
            return CHAT, {"messages": text, **fields}, True
        case 5:
            return MESSAGES, {"messages": [{"role": "user", "content": text}], **fields}, True
        case 6:
            messages = [{"role": "user", "content": text}]
            return CHAT, {"messages": messages, "n": rng.randint(1, 3), **fields}, True
        case 7:
            fields["max_output_tokens"] = fields.pop("max_tokens")
            return RESPONSES, {"input": text, **fields}, True
        case 8:
            return EMBEDDINGS, {"input": [text] * rng.randint(1, 30)}, True
        case _:
            bad: dict[str, object] = rng.choice(
                [{"temperature": 9}, {"n": 100}, {"max_tokens": -2}, {"model": "gpt-4"}]
            )
            return COMPLETIONS, {"prompt": text, **fields, **bad}, False


def send(http: Client, index: int) -> str:
    """The outcome of one request for its client."""
    path, body, good = request(index)
    rng = random.Random(-index)
    with http.open(path, body) as opened:
        if good and rng.random() < GIVEN_UP:
            time.sleep(
                rng.random() * LONGEST_PATIENCE_S
            )  # the time of the disconnect is what is tested
            return "given up"
        reply = opened.reply()
    if not good:
        assert reply.status in (400, 404), reply
        assert reply.error()["message"]
        return "refused"
    assert reply.status == 200, reply
    if path == RESPONSES and "stream" in body:
        assert b"event: response.incomplete" in reply.body
    elif path == MESSAGES and "stream" in body:
        assert b"event: message_stop" in reply.body
    else:
        assert read_events(reply.body).done if "stream" in body else reply.json()
    return "answered"


def test_the_books_balance(server: Server, http: Client) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda index: send(http, index), range(1000, 1000 + 2 * THREADS)))
        wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
        before, descriptors = http.metrics(), server.worker.num_fds()
        threads = server.worker.num_threads()
        seen = Counter(pool.map(lambda index: send(http, index), range(REQUESTS)))
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()))
    after = http.metrics()
    grown = {name: int(after[name] - before.get(name, 0)) for name in after}
    accepted, completed, failed, cancelled = (
        grown[f"requests_{end}_total"] for end in ("accepted", "completed", "failed", "cancelled")
    )
    print(f"clients: {dict(seen)}; {accepted=} {completed=} {failed=} {cancelled=}")
    assert accepted == completed + failed + cancelled
    assert accepted == seen["answered"] + seen["given up"]
    assert failed == 0
    assert completed >= seen["answered"]
    assert 0.1 * REQUESTS < seen["given up"] and 0 < cancelled <= seen["given up"]
    assert (after["requests_running"], after["requests_waiting"]) == (0, 0)
    assert after["kv_cache_usage_ratio"] == 0

    assert "北京" in http.completion("告诉我中国的首都在哪里", temperature=0)
    # Threads are reused, so only their total number is limited.
    wait_until(
        lambda: (
            server.worker.num_fds() <= descriptors + 4
            and server.worker.num_threads() <= threads + 2 * THREADS
        ),
        lambda: (
            f"{descriptors} descriptors became {server.worker.num_fds()}, "
            f"{threads} threads {server.worker.num_threads()}"
        ),
    )
    print(
        f"threads {threads} -> {server.worker.num_threads()}, fds {descriptors} -> "
        f"{server.worker.num_fds()}"
    )
