"""Security headers on every response, also errors and streams."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
REQUESTS = [
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/static/icon.svg"),
    ("GET", "/static/nope"),
    ("GET", "/nope"),
    ("GET", "/v1/models"),
    ("GET", "/v1/completions"),
    ("OPTIONS", "/v1/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/playground/chat"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_every_answer(
    keyed: FlaskClient, client: FlaskClient, method: str, path: str, accept: str
) -> None:
    for each in (client, keyed):
        with each.open(path, method=method, headers={"Accept": accept}) as answer:
            for name, value in ALWAYS.items():
                assert answer.headers.getlist(name) == [value], name
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy and "*" not in policy
            is_page = answer.mimetype == "text/html"
            assert ("script-src 'self'" in policy) is is_page
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
            # Caches must revalidate these each time.
            kept = method == "GET" and (is_page or path == "/static/icon.svg")
            asks = kept and answer.status_code == 200
            assert answer.headers["Cache-Control"].split(", ")[-1] == (
                "no-cache" if asks else "no-store"
            )
            assert "Set-Cookie" not in answer.headers


def test_a_stream(client: FlaskClient) -> None:
    with client.post("/v1/completions", json={"prompt": "a", "stream": True}) as answer:
        assert answer.mimetype == "text/event-stream"
        assert ALWAYS.items() <= dict(answer.headers).items()
        assert answer.headers["Cache-Control"] == "no-store"
