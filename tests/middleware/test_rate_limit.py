"""Rate limits per key and per address."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.middleware.proxy import rate_limit_identity
from app.middleware.rate_limit import RateLimiter
from app.protocol.errors import RateLimited
from config import Config
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, BOB, MakeApp, bearer


def statuses(client: FlaskClient, count: int, headers: Mapping[str, str], peer: str) -> list[int]:
    return [
        client.get("/v1/models", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code
        for _ in range(count)
    ]


def test_each_key_has_a_separate_limit(make: MakeApp) -> None:
    client = make(RATE_LIMIT=((3, "minute"),)).test_client()
    assert statuses(client, 4, bearer(ALICE), "192.0.2.1") == [200, 200, 200, 429]
    assert statuses(client, 4, bearer(BOB), "192.0.2.1") == [200, 200, 200, 429]
    assert statuses(client, 1, bearer(ALICE), "192.0.2.2") == [429], "wherever it comes from"
    # Invalid keys are counted by address and do not affect valid ones.
    assert statuses(client, 4, {}, "192.0.2.1") == [401, 401, 401, 429]
    assert statuses(client, 1, bearer("guess"), "192.0.2.1") == [429]


def test_each_address_has_a_separate_limit(engine: ScriptedEngine) -> None:
    client = create_app(Config(RATE_LIMIT=((2, "hour"),)), engine).test_client()
    assert statuses(client, 3, {}, "192.0.2.1") == [200, 200, 429]
    assert statuses(client, 1, bearer("any"), "192.0.2.1") == [429], "keys mean nothing here"
    assert statuses(client, 3, {}, "192.0.2.2") == [200, 200, 429]
    assert statuses(client, 1, {}, "2001:db8::1") == [200]
    assert statuses(client, 2, {}, "2001:db8::ffff") == [200, 429], "one /64 is one client"
    assert statuses(client, 1, {}, "2001:db8:0:1::1") == [200]


def test_clients_behind_a_proxy_are_distinguished(engine: ScriptedEngine) -> None:
    client = create_app(Config(RATE_LIMIT=((1, "hour"),)), engine).test_client()
    for index in range(3):
        headers = {"X-Forwarded-For": f"203.0.113.9, 192.0.2.{index}"}
        assert statuses(client, 2, headers, "") == [200, 429]
    # A remote client cannot choose its address.
    headers = [{"X-Forwarded-For": f"198.51.100.{index}"} for index in range(3)]
    peer = "203.0.113.5"
    assert [statuses(client, 1, each, peer)[0] for each in headers] == [200, 429, 429]


def test_the_answer(engine: ScriptedEngine) -> None:
    client = create_app(Config(RATE_LIMIT=((1, "minute"),)), engine).test_client()
    body = {"prompt": "a", "stream": True}
    assert client.post("/v1/completions", json=body).status_code == 200
    answer = client.post("/v1/completions", json=body)
    assert answer.status_code == 429 and answer.mimetype == "application/json"
    assert 50 <= int(answer.headers["Retry-After"]) <= 60
    error = answer.get_json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert error["param"] is None and "1 requests per minute" in error["message"]
    assert len(engine.requests) == 1, "the engine never heard of it"
    form = client.post("/playground/completion", data={"prompt": "a"})
    assert form.status_code == 429 and form.mimetype == "text/html"
    for path in ("/", "/health", "/ready", "/metrics", "/openapi.json", "/docs"):
        assert {client.get(path).status_code for _ in range(3)} == {200}, path


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The library's clock; it stands still until a test changes it."""
    now_s = [1.8e9]
    monkeypatch.setattr(time, "time", lambda: now_s[0])
    return now_s


@pytest.mark.usefixtures("wall_clock")
def test_several_limits_all_hold() -> None:
    limiter = RateLimiter(((2, "second"), (3, "day")))
    limiter.check("a")
    limiter.check("a")
    with pytest.raises(RateLimited, match="2 requests per second") as caught:
        limiter.check("a")
    assert caught.value.retry_after_s == 1
    limiter = RateLimiter(((5, "second"), (1, "day")))
    limiter.check("a")
    with pytest.raises(RateLimited, match="1 requests per day") as caught:
        limiter.check("a")
    assert caught.value.retry_after_s == 86_400


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
def test_a_clock_that_jumps_blocks_no_client(hours: int, wall_clock: list[float]) -> None:
    limiter = RateLimiter(((1, "minute"),))
    limiter.check("a")
    with pytest.raises(RateLimited):
        limiter.check("a")
    wall_clock[0] += 3600 * hours
    limiter.check("a")
    with pytest.raises(RateLimited) as caught:
        limiter.check("a")
    assert caught.value.retry_after_s <= 60


def test_threads_together_get_no_more() -> None:
    limiter = RateLimiter(((50, "hour"),))
    passed: list[int] = []

    def work() -> None:
        for _ in range(30):
            try:
                limiter.check("a")
                passed.append(1)
            except RateLimited:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 50


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::7", "2001:db8::/64"),
        ("", "local"),
        (None, "local"),
        ("unknown" * 50, "unknown" * 9 + "u"),
    ],
)
def test_rate_limit_identity(peer: str | None, client: str) -> None:
    assert rate_limit_identity(peer) == client
