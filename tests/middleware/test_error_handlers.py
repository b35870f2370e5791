"""Errors outside /v1: pages for browsers, JSON for API clients."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_browsers_get_a_page(client: FlaskClient) -> None:
    response = client.get("/<script>", headers=BROWSER)
    assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "&lt;script&gt;" in response.text and "<script>" not in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_programs_get_json(client: FlaskClient) -> None:
    response = client.get("/nope", headers={"Accept": "*/*"})
    assert response.status_code == 404
    assert list(response.get_json()["error"]) == ["message", "type", "param", "code"]


@pytest.mark.parametrize("path", ["/tokenize", "/detokenize", "/health", "/metrics", "/v1/x"])
def test_api_paths_are_json_for_everyone(client: FlaskClient, path: str) -> None:
    response = client.delete(path, headers=BROWSER)
    assert response.status_code in (404, 405)
    assert "error" in response.get_json()


@pytest.mark.parametrize("path", ["/", "/playground/chat"])
def test_page_paths_are_html_for_everyone(client: FlaskClient, path: str) -> None:
    response = client.delete(path, headers={"Accept": "application/json"})
    assert response.status_code == 405
    assert response.mimetype == "text/html"


def test_our_faults_on_a_page(app: Flask, client: FlaskClient) -> None:
    app.extensions["engine"] = None
    response = client.get("/", headers={"X-Request-Id": "r7"})
    assert response.status_code == 500
    assert "r7" in response.text
    assert "NoneType" not in response.text


@pytest.mark.parametrize(
    ("path", "method", "headers", "status", "kind"),
    [
        ("/v1/messages/batches", "POST", {}, 404, "not_found_error"),
        ("/v1/messages/batches", "GET", {}, 404, "not_found_error"),
        ("/v1/models/gpt-4o", "GET", {"Anthropic-Version": "2023-06-01"}, 404, "not_found_error"),
        ("/v1/models", "DELETE", {"Anthropic-Version": "2023-06-01"}, 405, "invalid_request_error"),
    ],
)
def test_anthropics_form(
    client: FlaskClient, path: str, method: str, headers: dict[str, str], status: int, kind: str
) -> None:
    headers = {"X-Request-Id": "mine-1", **headers}
    response = client.open(path, method=method, headers=headers)
    body = response.get_json()
    assert (response.status_code, response.headers["Request-Id"]) == (status, "mine-1")
    message = body["error"].pop("message")
    assert message and body == {"type": "error", "error": {"type": kind}, "request_id": "mine-1"}
