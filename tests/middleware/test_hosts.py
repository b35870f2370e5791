"""The Host header, DNS rebinding, and trusted proxies."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, bearer

TRUSTED = ("llm.example", ".example.net")


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/nope"])
@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("llm.example", True),
        ("llm.example:443", True),
        ("a.b.example.net", True),
        ("LLM.Example", True),
        ("llm.EXAMPLE:443", True),
        ("A.b.Example.NET", True),
        ("localhost:19327", True),
        ("Evil.Example", False),
        ("127.0.0.1", True),
        ("evil.example", False),
        ("llm.example.evil", False),
        ("xllm.example", False),
        ("llm.example@evil", False),
        ("llm.example/health?", False),
        ("a b", False),
        ("<script>", False),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_hosts(engine: ScriptedEngine, host: str, fits: bool, path: str) -> None:
    client = create_app(Config(TRUSTED_HOSTS=TRUSTED), engine).test_client()
    answer = client.get(path, headers={"Host": host})
    if fits:
        assert answer.status_code == (404 if path == "/nope" else 200)
    else:
        assert answer.status_code == 400 and answer.mimetype == "application/json"
        assert answer.get_json()["error"]["type"] == "invalid_request_error"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_any_host_by_default(engine: ScriptedEngine) -> None:
    client = create_app(Config(), engine).test_client()
    for host in ("evil.example", "a/v1?", ""):
        assert client.get("/v1/models", headers={"Host": host}).status_code == 200
        page = client.get("/", headers={"Host": host})
        assert page.status_code == 200 and "evil" not in page.text
    assert client.get("/v1/models", headers={"X-Forwarded-Host": "evil"}).status_code == 200


@pytest.mark.parametrize(
    ("peer", "trusted", "scheme"),
    [
        ("127.0.0.1", None, "https"),
        ("", None, "https"),
        ("172.17.0.1", None, "http"),
        ("172.17.0.1", ("172.16.0.0/12",), "https"),
        ("127.0.0.1", ("172.16.0.0/12",), "http"),
        ("nonsense", None, "http"),
    ],
)
def test_only_trusted_proxies_may_forward(
    engine: ScriptedEngine, peer: str, trusted: tuple[str, ...] | None, scheme: str
) -> None:
    """/docs shows the API's URL."""
    config = Config() if trusted is None else Config(TRUSTED_PROXIES=trusted)
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Port": "1",
    }
    client = create_app(config, engine).test_client()
    page = client.get("/docs", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert f"{scheme}://localhost/v1" in page.text
    assert "evil" not in page.text


FOREIGN = ["evil.example", "Evil.Example:19327", "127.0.0.1.evil.example", "localhost.evil.example",
           "evil.example.", "a.b.c.evil.example", "1.2.3", "0x7f.1"]  # fmt: skip
OWN = ["localhost", "LocalHost:19327", "app.localhost", "127.0.0.1:19327", "192.168.1.7", "[::1]",
       "[fe80::1]:19327", "westlake:19327", "gpu-box", "GPU-box.local", "nas.lan:80",
       "llm.default.svc.cluster.local", "host.docker.internal", socket.gethostname()]  # fmt: skip
BROWSERS = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Referer": "http://evil.example/x"},
    {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"},
]


def asked(client: FlaskClient, host: str, headers: dict[str, str], peer: str = "127.0.0.1") -> int:
    """The status of one request for the model."""
    answer = client.post(
        "/v1/completions",
        json={"prompt": "a", "max_tokens": 1},
        headers={"Host": host, **headers},
        environ_base={"REMOTE_ADDR": peer},
    )
    return answer.status_code


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("browser", BROWSERS, ids=lambda headers: next(iter(headers)))
def test_without_keys_a_browser_must_not_be_led_here(
    engine: ScriptedEngine, host: str, browser: dict[str, str]
) -> None:
    """Requests of a DNS rebinding page, also with forged headers."""
    client = create_app(Config(), engine).test_client()
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "a"}
    for headers in (browser, {**browser, **forged}):
        for peer in ("127.0.0.1", "192.0.2.7"):
            assert asked(client, host, headers, peer) == 400
    for path in ("/", "/v1/models", "/health", "/nope"):
        answer = client.get(path, headers={"Host": host, **browser})
        assert answer.status_code == 400
        assert "--trusted_hosts" in answer.text


@pytest.mark.parametrize("host", OWN)
@pytest.mark.parametrize("browser", BROWSERS, ids=lambda headers: next(iter(headers)))
def test_without_keys_addresses_and_local_names_are_allowed(
    engine: ScriptedEngine, host: str, browser: dict[str, str]
) -> None:
    client = create_app(Config(), engine).test_client()
    assert asked(client, host, browser) == 200
    assert client.get("/", headers={"Host": host, **browser}).status_code == 200


@pytest.mark.parametrize("browser", BROWSERS, ids=lambda headers: next(iter(headers)))
def test_requests_without_host_check(
    engine: ScriptedEngine, keys_file: Path, browser: dict[str, str]
) -> None:
    """API clients; a proxy on the Unix socket; pages over TLS (Sec-Fetch-Site, which no script can
    set); configured origins, names or keys."""
    host = "llm.example.org"
    plain = create_app(Config(), engine).test_client()
    assert asked(plain, host, {"User-Agent": "OpenAI/Python 2.9"}) == 200
    assert asked(plain, host, browser, peer="") == 200
    assert asked(plain, host, {**browser, "Sec-Fetch-Site": "same-origin"}) == 200
    assert asked(plain, host, browser) == 400
    keyed = create_app(Config(API_KEYS_FILE=str(keys_file)), engine).test_client()
    assert asked(keyed, host, {**browser, **bearer(ALICE)}) == 200
    named = create_app(Config(TRUSTED_HOSTS=(host,)), engine).test_client()
    assert asked(named, host, browser) == 200
    every = create_app(Config(CORS_ORIGINS=("*",)), engine).test_client()
    assert asked(every, host, browser) == 200
    some = create_app(Config(CORS_ORIGINS=("http://evil.example",)), engine).test_client()
    assert asked(some, host, browser) == (200 if browser == BROWSERS[0] else 400)
