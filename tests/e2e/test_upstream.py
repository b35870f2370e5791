"""A server in front of an upstream: what reaches the client, who leaves, what it weighs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import psutil
import pytest

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client
from tests.harness.scripted_upstream import ScriptedUpstream, Wire, answered, scripted_upstream
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until

#: How soon the upstream must see that a client has gone.
GONE_S = 1.0
QUESTION = {"messages": [{"role": "user", "content": "介绍一下西湖"}], "max_tokens": 24}
PROMPT = {"prompt": "介绍一下西湖", "max_tokens": 24}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
#: Requests whose answers must be the same, whichever of two servers is asked.
SAME: tuple[tuple[str, dict[str, Any]], ...] = (
    (CHAT, {**QUESTION, "seed": 7}),
    (CHAT, {**QUESTION, "logprobs": True, "top_logprobs": 3, "n": 2, "seed": 1}),
    (CHAT, {"messages": "给我讲一个故事", "temperature": 0}),
    (CHAT, {**QUESTION, "response_format": {"type": "json_object", "schema": SCHEMA}, "seed": 3}),
    (CHAT, {**QUESTION, "stop": ["的", "\n"], "seed": 4, "max_completion_tokens": 9000}),
    (CHAT, {**QUESTION, "enable_thinking": False, "chat_template_kwargs": {"style": 1}}),
    (COMPLETIONS, {**PROMPT, "seed": 7}),
    (COMPLETIONS, {**PROMPT, "num_beams": 3, "n": 2, "temperature": 0}),
    (COMPLETIONS, {"prompt": ["西湖", "Hello"], "echo": True, "logprobs": 2, "max_tokens": 3,
                   "temperature": 0}),
    (COMPLETIONS, {**PROMPT, "best_of": 3, "seed": 9}),
    (EMBEDDINGS, {"input": ["西湖", "Hello"], "dimensions": 16}),
    ("/tokenize", QUESTION),
    ("/tokenize", {"prompt": "</s>", "add_special_tokens": False}),
    (COMPLETIONS, {"prompt": [1, 10**6]}),
    (CHAT, {"messages": [{"role": "user", "content": "x" * 9000}]}),
    (CHAT, {**QUESTION, "model": "gpt-4"}),
    (CHAT, {**QUESTION, "response_format": {"type": "json_object",
                                            "schema": {"type": "no such type"}}}),
)  # fmt: skip
_OWN = {"id", "created", "system_fingerprint"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def front(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in front of the scripted upstream."""
    yield from started(upstream.url, tmp_path_factory)


@pytest.fixture(scope="module")
def through(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server in front of the shared one."""
    for front in started(f"{server.url}/v1", tmp_path_factory):
        yield front.client


def started(url: str, folders: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    command = python_wsgi(port, "--upstream", url)
    with running(command, port, folders.mktemp("front") / "log") as server:
        wait_ready(server)
        yield server


def endless(wire: Wire) -> None:
    """An answer that goes on until somebody closes it."""
    wire.head()
    wire.chunk(content="begun")
    wire.wait_closed()


def settled(server: Server) -> dict[str, float]:
    """The metrics once nothing is in flight: each request has ended once."""

    def balanced() -> dict[str, float] | None:
        now = server.client.metrics()
        ended = sum(now[f"requests_{end}_total"] for end in ("completed", "failed", "cancelled"))
        return now if now["requests_accepted_total"] == ended else None

    return wait_until(balanced) or {}


def test_it_weighs_little(front: Server) -> None:
    files = {mapping.path for mapping in front.worker.memory_maps()}
    heavy = ("torch", "numba", "numpy", "llvmlite", "tokenizers", "sentencepiece")
    assert not [path for path in files if any(f"/{name}" in path for name in heavy)]
    assert psutil.Process(front.worker.pid).memory_info().rss < 150 << 20


@pytest.mark.parametrize("path, fields", SAME)
def test_answers_are_the_upstreams(
    http: Client, through: Client, path: str, fields: dict[str, Any]
) -> None:
    direct, passed = http.post(path, fields), through.post(path, fields)
    assert passed.status == direct.status
    for name in ("x-ignored-parameters", "x-max-tokens-cut"):
        assert passed.headers.get(name) == direct.headers.get(name)
    expected, body = direct.json(), passed.json()
    assert without_own(body) == without_own(expected)
    if path in (CHAT, COMPLETIONS) and direct.status == 200 and not fields.get("best_of"):
        streamed = through.stream(path, fields)
        choices = expected["choices"]
        if "messages" not in fields or not isinstance(fields["messages"], str):
            for choice in choices:
                index, message = choice["index"], choice.get("message", {})
                whole = choice["text"] if "text" in choice else message["content"]
                assert streamed.text(index) == whole


def without_own(body: dict[str, Any]) -> dict[str, Any]:
    """What does not differ between two answers to the same request."""
    kept = {name: value for name, value in body.items() if name not in _OWN}
    usage = kept.get("usage")
    if usage:
        kept["usage"] = {**usage, "prompt_tokens_details": None}
    return kept


@pytest.mark.parametrize("stream", [True, False])
def test_gone_clients(front: Server, upstream: ScriptedUpstream, stream: bool) -> None:
    upstream.script = endless
    upstream.received.clear()
    with front.client.open(CHAT, {**QUESTION, "stream": stream}) as request:
        wire = answered(upstream)
        if stream:
            next(line for _, line in request.lines() if "begun" in line)
        left_at = time.monotonic()
        request.hang_up()
    wait_until(lambda: wire.closed_at, limit_s=GONE_S)
    assert wire.closed_at is not None and wire.closed_at - left_at < GONE_S
    assert settled(front)["requests_failed_total"] == 0


def test_a_client_that_leaves_before_the_first_byte(
    front: Server, upstream: ScriptedUpstream
) -> None:
    upstream.script = lambda wire: wire.wait_closed()
    upstream.received.clear()
    with front.client.open(CHAT, {**QUESTION, "stream": True}) as request:
        wire = answered(upstream)
        left_at = time.monotonic()
        request.hang_up()
    wait_until(lambda: wire.closed_at, limit_s=GONE_S)
    assert wire.closed_at is not None and wire.closed_at - left_at < GONE_S
    settled(front)


def test_text_comes_as_it_comes(front: Server, upstream: ScriptedUpstream) -> None:
    """No piece waits for the next one."""

    def script(wire: Wire) -> None:
        wire.head()
        for number in range(3):
            wire.chunk(content=f"piece {number}")
            time.sleep(0.3)
        wire.chunk(reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    with front.client.open(CHAT, {**QUESTION, "stream": True}) as request:
        times = [at for at, line in request.lines() if "piece" in line]
    assert len(times) == 3 and min(b - a for a, b in pairwise(times)) > 0.1
