"""The pages' language: ?lang=, then the cookie, then Accept-Language."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.middleware.locale import COOKIE, LANGUAGES
from config import Config
from tests.fakes import ScriptedEngine

ENGLISH = {"Accept-Language": "en"}


def language(client: FlaskClient, path: str) -> str:
    text = client.get(path, headers=ENGLISH).text
    return next(lang for lang in LANGUAGES if f'<html lang="{lang}">' in text)


@pytest.mark.parametrize(("first", "then"), [("/", "/docs"), ("/docs", "/")])
def test_a_choice_is_remembered_on_both_pages(client: FlaskClient, first: str, then: str) -> None:
    assert language(client, first) == "en"
    assert language(client, f"{first}?lang=zh-CN") == "zh-CN"
    assert language(client, then) == language(client, first) == "zh-CN"
    assert language(client, f"{then}?lang=en") == "en", "the address comes first"
    assert language(client, first) == "en"


def test_the_cookie(engine: ScriptedEngine) -> None:
    client = create_app(Config(BASE_PATH="/llm"), engine).test_client()
    answer = client.get("/llm/?lang=zh-CN", headers=ENGLISH)
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{COOKIE}=zh-CN; ")
    assert {"Path=/llm/", "SameSite=Lax", "HttpOnly", "Max-Age=31536000"} <= set(cookie.split("; "))
    assert answer.vary.as_set() >= {"accept-language", "cookie"}
    again = client.get("/llm/?lang=zh-CN", headers=ENGLISH)
    assert "Set-Cookie" not in again.headers, "it has it already"


@pytest.mark.parametrize(
    "path", ["/", "/?lang=xx", "/?lang=", "/health?lang=zh-CN", "/openapi.json?lang=zh-CN"]
)
def test_no_cookie_without_a_choice(client: FlaskClient, path: str) -> None:
    assert "Set-Cookie" not in client.get(path, headers=ENGLISH).headers


def test_a_cookie_of_somebody_elses_is_nothing(client: FlaskClient) -> None:
    client.set_cookie(COOKIE, '"><script>')
    assert language(client, "/") == "en"
