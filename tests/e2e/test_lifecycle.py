"""Start and stop of the server: 503 while it loads, a drain on SIGTERM."""

from __future__ import annotations

import time
from contextlib import ExitStack
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Reply
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until

#: The requirement is 6 s; five times that for a busy machine.
READY_WITHIN_S = 30.0
REQUESTS: list[tuple[str, dict[str, object]]] = [
    (COMPLETIONS, {"prompt": "你好", "max_tokens": 4}),
    (CHAT, {"messages": "你好", "max_tokens": 4, "stream": True}),
    (EMBEDDINGS, {"input": "你好"}),
]


def first_answers(server: Server) -> list[tuple[Reply, ...]]:
    """Responses of REQUESTS, /health and /ready, from the first connection until the server is
    ready."""
    http = server.client
    rounds: list[tuple[Reply, ...]] = []

    def answered() -> bool:
        assert server.process.poll() is None, server.logged()
        try:
            health, ready = http.get("/health"), http.get("/ready")
        except ConnectionError:
            return False
        rounds.append((*(http.post(path, body) for path, body in REQUESTS), health, ready))
        return all(reply.status == 200 for reply in rounds[-1])

    wait_until(answered, server.logged, limit_s=READY_WITHIN_S)
    return rounds


def test_the_second_start_is_quick_and_polite(server: Server, log_file: Path) -> None:
    port = free_port()  # `server` was the first start
    with running(python_wsgi(port), port, log_file) as second:
        rounds = first_answers(second)
        took = time.monotonic() - second.started_at
        loading = [answers for answers in rounds if answers[-1].status == 503]
        print(f"second start: first answers after {took:.1f} s, {len(loading)} rounds of 503")
        assert took < READY_WITHIN_S
        assert loading, "the model was loaded before the first request came"
        for *answers, health, ready in loading:
            assert health.status == 200
            assert int(ready.headers["retry-after"]) >= 1
            for answer in answers:
                if answer.status == 503:
                    assert int(answer.headers["retry-after"]) >= 1
                    assert answer.error()["code"] == "model_loading"
                    assert answer.error()["type"] == "server_error"
        assert [answer.status for answer in loading[0][:-2]] == [503] * len(REQUESTS)
        metrics = second.client.metrics()
        assert metrics["requests_accepted_total"] == metrics["requests_completed_total"]
        (line,) = [line for line in second.logged().splitlines() if second.url in line]
        for word in ("chinese-llama-alpaca", "llama", "float32", "CPU", "GiB"):
            assert word in line, line


def test_sigterm_lets_answers_finish(log_file: Path) -> None:
    port = free_port()
    with running(python_wsgi(port), port, log_file) as server, ExitStack() as stack:
        wait_ready(server)
        http = server.client
        long = {"prompt": "你好", "max_tokens": 300, "ignore_eos": True}
        streams = [
            stack.enter_context(http.open(COMPLETIONS, {**long, "stream": True})) for _ in range(3)
        ]
        for stream in streams:
            next(stream.tokens())
        waiting = stack.enter_context(http.open(COMPLETIONS, long))
        kept = HTTPConnection("127.0.0.1", port, timeout=10)
        stack.callback(kept.close)
        kept.request("GET", "/health")
        assert kept.getresponse().read()
        wait_until(lambda: http.in_flight() == 4, lambda: str(http.metrics()))

        server.terminate()
        wait_until(lambda: refused(server), lambda: "new connections are still taken")
        assert server.process.poll() is None, "it did not wait for the running answers"
        assert late_answer(kept) in (None, "shutting_down")
        for stream in streams:
            assert [line for _, line in stream.lines()][-1] == "data: [DONE]"
        usage = waiting.reply().ok()["usage"]
        assert usage["completion_tokens"] == 300
        assert server.exit_code() == 0, server.logged()
    assert "Traceback" not in server.logged()


def refused(server: Server) -> bool:
    """Whether connections are refused."""
    try:
        server.client.get("/health")
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        return False
    return False


def late_answer(kept: HTTPConnection) -> str | None:
    """The error code of a request on an existing connection; None: the connection was closed."""
    try:
        kept.request("POST", COMPLETIONS, b'{"prompt": "a"}', {"Content-Type": "application/json"})
        response = kept.getresponse()
    except (RemoteDisconnected, ConnectionError):
        return None
    reply = Reply(response.status, {}, response.read())
    assert reply.status == 503
    return str(reply.error()["code"])
