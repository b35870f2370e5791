"""Every route is classified, and all but the public ones need a key."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.routes import ROUTES
from app.middleware.public_routes import Access, access_of_endpoint
from tests.middleware.conftest import ALICE, MakeApp, bearer

TABLE = {
    "/": Access.PUBLIC,
    "/static/<path:filename>": Access.PUBLIC,
    "/health": Access.PUBLIC,
    "/ready": Access.PUBLIC,
    "/openapi.json": Access.PUBLIC,
    "/metrics": Access.PUBLIC_ON_LOOPBACK,
    "/docs": Access.PUBLIC,
    "/playground/completion": Access.API_KEY,
    "/playground/chat": Access.API_KEY,
    "/playground/embeddings": Access.API_KEY,
    "/playground/model": Access.API_KEY,
}
#: Every route of the API needs a key, one added later too.
TABLE |= {re.sub(r"{(\w+)}", r"<path:\1>", route.path): Access.API_KEY for route in ROUTES}
LAN = {"REMOTE_ADDR": "192.0.2.7"}


def test_every_route_is_in_the_table(app: Flask) -> None:
    served = {rule.rule: access_of_endpoint(rule.endpoint) for rule in app.url_map.iter_rules()}
    assert served == TABLE


def test_every_route_without_a_key(make: MakeApp) -> None:
    app = make()
    client = app.test_client()
    walked = 0
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<path:(\w+)>", "icon.svg", rule.rule)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            answer = client.open(path, method=method, environ_base=LAN)
            is_open = TABLE[rule.rule] is Access.PUBLIC
            assert (answer.status_code == 401) is not is_open, (method, path)
            assert is_open or answer.headers["WWW-Authenticate"]
            answer.close()
            walked += 1
    assert walked >= 24


@pytest.mark.parametrize(
    "path",
    ["/nope", "/v1/nope", "/v1", "/health/", "/Health", "/v1//nope", "/static", "/favicon.ico"],
)
def test_what_is_no_route_needs_a_key_too(keyed: FlaskClient, path: str) -> None:
    assert keyed.get(path).status_code == 401
    assert keyed.get(path, headers=bearer(ALICE)).status_code == 404


@pytest.mark.parametrize("path", ["/v1//models", "//v1/models/", "/models", "/v1/health/../models"])
def test_other_ways_to_write_a_route_need_its_key(keyed: FlaskClient, path: str) -> None:
    """Normalized paths are served, and no spelling bypasses the key."""
    assert keyed.get(path).status_code == 401


@pytest.mark.parametrize("host", ["x/health?", "localhost/health?", "x/static/a#", "a/v1?", ""])
def test_no_host_makes_a_route_another(keyed: FlaskClient, host: str) -> None:
    answer = keyed.get("/v1/models", headers={"Host": host})
    assert answer.status_code == 401


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"])
def test_no_header_makes_a_route_another(keyed: FlaskClient, override: str) -> None:
    assert keyed.get("/v1/models", headers={override: "/health"}).status_code == 401


def test_options_run_no_view(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        assert rule.provide_automatic_options, rule


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("127.0.0.1", None, 200),
        ("::1", None, 200),
        ("::ffff:127.0.0.1", None, 200),
        ("192.0.2.7", None, 401),
        ("192.0.2.7", "127.0.0.1", 401),  # not a proxy: its header is ignored
        ("127.0.0.1", "192.0.2.7", 401),  # a proxy on loopback, a remote client
        ("127.0.0.1", "127.0.0.1, 192.0.2.7", 401),  # the client's own header is one hop too many
        ("", "127.0.0.1", 200),
        ("", "192.0.2.7", 401),
        ("", None, 401),  # a Unix socket and a proxy that sends no header
    ],
)
def test_metrics_are_open_to_this_machine_only(
    keyed: FlaskClient, peer: str, forwarded: str | None, status: int
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    answer = keyed.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status
    answer = keyed.get("/metrics", headers={**headers, **bearer(ALICE)}, environ_base=LAN)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/console", "/?__debugger__=yes&cmd=resource&f=debugger.js"])
def test_there_is_no_debugger(app: Flask, client: FlaskClient, path: str) -> None:
    assert not app.debug
    answer = client.get(path)
    assert answer.status_code == (404 if path == "/console" else 200)
    assert "debugger" not in answer.text.lower()
