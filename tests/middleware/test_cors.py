"""CORS: off by default, exact origins, never with cookies."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, MakeApp, bearer

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
}


def granted(headers: object) -> dict[str, str]:
    """The CORS headers of a response."""
    return {name: value for name, value in headers if name.startswith("Access-Control-")}  # type: ignore[attr-defined]


@pytest.mark.parametrize("origin", [FRIEND, "null", "http://localhost"])
def test_no_origin_by_default(client: FlaskClient, origin: str) -> None:
    for path in ("/v1/models", "/v1/nope", "/", "/health"):
        assert granted(client.get(path, headers={"Origin": origin}).headers) == {}
    answer = client.options("/v1/completions", headers={"Origin": origin, **PREFLIGHT})
    assert granted(answer.headers) == {}


def test_a_preflight_needs_no_key(make: MakeApp) -> None:
    client = make(CORS_ORIGINS=(FRIEND,), RATE_LIMIT=((1, "hour"),)).test_client()
    for path in ("/v1/completions", "/v1/chat/completions", "/v1/models", "/tokenize"):
        answer = client.options(path, headers={"Origin": FRIEND, **PREFLIGHT})
        assert answer.status_code == 200
        headers = granted(answer.headers)
        assert headers["Access-Control-Allow-Origin"] == FRIEND
        assert "POST" in headers["Access-Control-Allow-Methods"]
        allowed = headers["Access-Control-Allow-Headers"].split(", ")
        assert allowed == ["authorization", "content-type", "x-stainless-os"]
        assert "Access-Control-Allow-Credentials" not in headers
    assert (
        client.post(
            "/v1/completions", json={"prompt": "a"}, headers={"Origin": FRIEND, **bearer(ALICE)}
        ).status_code
        == 200
    )  # the preflights did not count against the limit


def test_answers_and_errors_can_be_read(make: MakeApp) -> None:
    client = make(CORS_ORIGINS=(FRIEND,)).test_client()
    for key, body, status in (
        (ALICE, {"prompt": "a"}, 200),
        (ALICE, {}, 400),
        ("wrong", {"prompt": "a"}, 401),
    ):
        headers = {"Origin": FRIEND, **bearer(key)}
        answer = client.post("/v1/completions", json=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert "Origin" in answer.headers["Vary"]
        assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "https://friend.example.evil",
        "https://xfriend.example",
        "https://friendXexample",
        "http://friend.example",
        "https://friend.example:444",
        "https://friend.example\n",
        "http://1:8000",
        "null",
    ],
)
def test_only_exactly_those(engine: ScriptedEngine, origin: str) -> None:
    config = Config(CORS_ORIGINS=(FRIEND, "http://[::1]:8000"))
    client = create_app(config, engine).test_client()
    environ = {"HTTP_ORIGIN": origin}
    answer = client.options("/v1/completions", headers=PREFLIGHT, environ_overrides=environ)
    assert granted(answer.headers) == {}
    good = client.get("/v1/models", headers={"Origin": "http://[::1]:8000"})
    assert good.headers["Access-Control-Allow-Origin"] == "http://[::1]:8000"


@pytest.mark.parametrize(
    "origin",
    [
        "app://obsidian.md",
        "app://.",
        "tauri://localhost",
        "http://tauri.localhost",
        "capacitor://localhost",
        "ionic://localhost:8080",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "vscode-webview://1ab2c3d4e5",
        "file://",
        "null",
    ],
)
def test_pages_of_apps(engine: ScriptedEngine, origin: str) -> None:
    allowed = Config.from_env({"WESTLAKE_CORS_ORIGINS": f"{FRIEND},{origin}"})
    client = create_app(allowed, engine).test_client()
    answer = client.options("/v1/completions", headers={"Origin": origin, **PREFLIGHT})
    assert granted(answer.headers)["Access-Control-Allow-Origin"] == origin
    for other in (f"{origin}x", f"x{origin}", STRANGER, "app://other"):
        answer = client.options("/v1/completions", headers={"Origin": other, **PREFLIGHT})
        assert granted(answer.headers) == {}


def test_everybody_but_without_cookies(engine: ScriptedEngine) -> None:
    client = create_app(Config(CORS_ORIGINS=("*",)), engine).test_client()
    headers = granted(client.get("/v1/models", headers={"Origin": STRANGER}).headers)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    # The page and its forms have no CORS headers.
    for path in ("/", "/playground/chat", "/docs", "/static/icon.svg", "/metrics"):
        with client.options(path, headers={"Origin": STRANGER, **PREFLIGHT}) as answer:
            assert granted(answer.headers) == {}
    form = client.post("/playground/chat", data={"message": "a"}, headers={"Origin": STRANGER})
    assert form.status_code == 403


def test_a_simple_post_from_anywhere_is_no_request(client: FlaskClient) -> None:
    """The API does not accept what a page can send without a preflight."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post(
            "/v1/completions",
            data=b'{"prompt":"a"}',
            content_type=kind,
            headers={"Origin": STRANGER},
        )
        assert answer.status_code == 415
