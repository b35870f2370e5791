"""Names the server may be called by, and the one proxy that may speak for its clients."""

from __future__ import annotations

import pytest

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine

TRUSTED = ("llm.example", ".example.net")


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/nope"])
@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("llm.example", True),
        ("llm.example:443", True),
        ("a.b.example.net", True),
        ("localhost:19327", True),
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
def test_whose_forwarding_is_believed(
    engine: ScriptedEngine, peer: str, trusted: tuple[str, ...] | None, scheme: str
) -> None:
    """/docs shows the address the API has."""
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
