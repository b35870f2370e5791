"""A server with --max_in_flight 4: the fifth request gets 503 with Retry-After."""

from __future__ import annotations

from contextlib import ExitStack

import openai
import pytest

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS
from tests.harness.server import Server
from tests.harness.waiting import wait_until

LONG: dict[str, object] = {"prompt": "你好", "max_tokens": 500, "ignore_eos": True, "stream": True}
MORE: list[tuple[str, dict[str, object]]] = [
    (COMPLETIONS, {"prompt": "你好"}),
    (COMPLETIONS, {"prompt": "你好", "stream": True}),
    (CHAT, {"messages": "你好"}),
    (EMBEDDINGS, {"input": "你好"}),
]


def test_the_fifth_is_refused_and_served_later(small_server: Server) -> None:
    http = small_server.client
    before = http.metrics()
    with ExitStack() as stack:
        streams = [stack.enter_context(http.open(COMPLETIONS, LONG)) for _ in range(4)]
        wait_until(lambda: http.in_flight() == 4, lambda: str(http.metrics()))
        for path, body in MORE:
            reply = http.post(path, body)
            assert reply.status == 503, path
            assert int(reply.headers["retry-after"]) >= 1
            assert reply.error()["code"] == "overloaded"
            assert reply.error()["type"] == "server_error"
        # An overloaded server does not read the body, so it does not validate it.
        assert http.post(COMPLETIONS, {"prompt": 5}).status == 503
        assert http.post("/tokenize", {"prompt": "你好"}).status == 200
        assert http.get("/ready").status == http.get("/health").status == 200
        with openai.OpenAI(base_url=f"{small_server.url}/v1", api_key="none", max_retries=0) as sdk:
            with pytest.raises(openai.InternalServerError) as refused:
                sdk.completions.create(model="chinese-llama-alpaca", prompt="你好")
            assert refused.value.code == "overloaded"
        assert http.in_flight() == 4, "a long stream ended too early to show anything"
        for stream in streams:
            assert [line for _, line in stream.lines()][-1] == "data: [DONE]"
    for path, body in MORE:
        assert http.post(path, body).status == 200
    after = http.metrics()
    accepted = after["requests_accepted_total"] - before["requests_accepted_total"]
    assert accepted == 4 + len(MORE), "a refused request was counted as accepted"
