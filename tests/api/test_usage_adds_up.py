"""Three keys, 300 mixed requests, cancels and failures: each token is counted once.

A cancelled or failed request has no `usage` in its answer, but the model worked for it. So, for
each key and over all keys:

    counters = usage of the answers + what the engine counted for requests without an answer

and for each cancelled stream: what the client has received <= what was counted <= what was asked
for. One key is never cancelled and never fails: its counters are the sum of its `usage`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from app.api.sse import StreamCut
from app.engine.async_engine import AsyncEngine
from app.engine.request import EmbeddingRequest, GenerationRequest
from app.engine.request_handle import RequestHandle
from app.engine.stats import TokenUsage
from config import Config
from tests.engine.fakes import CountingRunner, FollowingSampler, fake_model
from tests.harness.in_process import start
from tests.harness.waiting import wait_until

REQUESTS, THREADS = 300, 12
KEYS = {"steady": "sk-61", "hasty": "sk-62", "mixed": "sk-63"}
BROKEN_SEED = 13
COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens")


class RecordingEngine(AsyncEngine):
    """Remembers the last handle of each thread: the app answers on its client's thread."""

    last = threading.local()

    def generate(self, request: GenerationRequest) -> RequestHandle:
        self.last.handle = super().generate(request)
        return self.last.handle

    def embed(self, request: EmbeddingRequest) -> RequestHandle:
        self.last.handle = super().embed(request)
        return self.last.handle


@dataclass
class Seen:
    """What the clients of one key have seen."""

    answered: list[dict[str, int]] = field(default_factory=list)  #: `usage` of each answer
    unanswered: list[RequestHandle] = field(default_factory=list)
    streamed_whole: int = 0


def request(index: int) -> tuple[str, dict[str, Any]]:
    """(path, body)."""
    rng = random.Random(index)
    shared = "".join(f"{number}." for number in range(5, 5 + rng.randint(2, 60)))
    prompt: Any = rng.choice([shared, [7] * rng.randint(1, 50), [shared, "8.9."]])
    fields: dict[str, Any] = {
        "prompt": prompt,
        "max_tokens": rng.randint(1, 40),
        "ignore_eos": True,
        "seed": 1,
    }
    match rng.randrange(8):
        case 0:
            return "embeddings", {"input": [shared] * rng.randint(1, 9)}
        case 1:
            return "completions", {**fields, "num_beams": 3, "n": rng.randint(1, 2)}
        case 2:
            return "completions", {**fields, "echo": True, "n": rng.randint(1, 3)}
        case 3:
            return "completions", {**fields, "stop": [f"{rng.randint(1, 99)}."]}
        case 4:
            return "completions", {**fields, "n": rng.randint(2, 3)}
        case _:
            return "completions", fields


@dataclass
class Clients:
    """Sends requests, each on a thread of its own."""

    app: Flask
    seen: defaultdict[str, Seen] = field(default_factory=lambda: defaultdict(Seen))

    def send(self, index: int) -> None:
        rng = random.Random(-index)
        name = rng.choice(list(KEYS))
        path, body = request(index)
        may_break = name != "steady" and path == "completions"
        if may_break and rng.random() < 0.2 and "num_beams" not in body:
            body["seed"] = BROKEN_SEED
        if path == "completions" and rng.random() < 0.6:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        gives_up = may_break and "stream" in body and rng.random() < 0.5
        headers = {"Authorization": f"Bearer {KEYS[name]}"}
        client = self.app.test_client()
        response = client.post(f"/v1/{path}", json=body, headers=headers, buffered=False)
        received: list[bytes] = []
        with suppress(StreamCut):  # after an error event
            for part in islice(response.iter_encoded(), rng.randint(1, 3) if gives_up else None):
                received.append(part)
        response.close()
        self._record(self.seen[name], body, response.status_code, b"".join(received))

    def _record(self, seen: Seen, body: dict[str, Any], status: int, received: bytes) -> None:
        handle = RecordingEngine.last.handle
        if "stream" in body:
            events = [line[6:] for line in received.decode().split("\n") if line[:6] == "data: "]
            chunks = [json.loads(event) for event in events if event != "[DONE]"]
            usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
            seen.streamed_whole += len(usages)
        else:
            usages = [json.loads(received)["usage"]] if status == 200 else []
        if usages:
            seen.answered += usages
        else:
            seen.unanswered.append(handle)
            if "echo" not in body and "stream" in body:
                texts = [choice["text"] for chunk in chunks for choice in chunk.get("choices", ())]
                wait_until(lambda: handle.ended)
                asked = body["max_tokens"] * handle.choices
                assert "".join(texts).count(".") <= handle.generation_tokens <= asked


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    runner, sampler = CountingRunner(slots=16, row_invariant=True), FollowingSampler()
    runner.on_step = lambda batch: time.sleep(0.0003)  # so that cancels come in the middle
    sampler.broken = lambda sampling: sampling.params.seed == BROKEN_SEED and sampling.position > 3
    model = fake_model(runner, sampler, prefix_reuse=True)
    engine = start(RecordingEngine(lambda: model, 1000, max_per_owner=1000))
    path = tmp_path / "keys"
    path.write_text("".join(f"{name} {key}\n" for name, key in KEYS.items()))
    return create_app(Config(API_KEYS_FILE=str(path), PROMPT_TEMPLATE="none"), engine)


def test_the_sum_over_keys_is_the_total_and_the_usage_of_the_answers(app: Flask) -> None:
    clients = Clients(app)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(clients.send, range(REQUESTS)))
    engine: AsyncEngine = app.extensions["engine"]
    wait_until(lambda: engine.stats.running + engine.stats.waiting == 0)
    stats, total = engine.stats, TokenUsage()
    by_key = dict(stats.usage_by_key)
    assert by_key.keys() == KEYS.keys()
    for name, key in KEYS.items():
        seen, counted = clients.seen[name], by_key[name]
        print(name, counted, f"{len(seen.answered)} answered, {len(seen.unanswered)} not")
        assert counted == expected(seen)
        headers = {"Authorization": f"Bearer {key}"}
        today = app.test_client().get("/v1/usage", headers=headers).get_json()
        assert [today[count] for count in ("requests", *COUNTS)] == [
            counted.requests,
            counted.prompt_tokens,
            counted.generation_tokens,
            counted.cached_tokens,
        ]
        total.requests += counted.requests
        total.prompt_tokens += counted.prompt_tokens
        total.generation_tokens += counted.generation_tokens
    assert not clients.seen["steady"].unanswered
    assert total.requests == REQUESTS == stats.accepted
    assert (total.prompt_tokens, total.generation_tokens) == (
        stats.prompt_tokens,
        stats.generation_tokens,
    )
    assert stats.cancelled >= 15 and stats.failed >= 10
    assert all(row.cached_tokens for row in by_key.values())
    assert sum(seen.streamed_whole for seen in clients.seen.values()) > 50


def expected(seen: Seen) -> TokenUsage:
    """The usage of the answers, and what the engine counted for the other requests."""
    handles = seen.unanswered
    prompt, completion, cached = (
        sum(_of(usage, count) for usage in seen.answered) for count in COUNTS
    )
    return TokenUsage(
        len(seen.answered) + len(handles),
        prompt + sum(handle.prompt_tokens for handle in handles),
        completion + sum(handle.generation_tokens for handle in handles),
        cached + sum(handle.cached_tokens for handle in handles),
    )


def _of(usage: dict[str, Any], count: str) -> int:
    if count == "cached_tokens":
        details = usage.get("prompt_tokens_details", {})
        return int(details.get("cached_tokens", 0))
    return int(usage.get(count, 0))
