"""The app below a base path, whether or not the proxy strips it."""

from __future__ import annotations

import pytest

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine


@pytest.mark.parametrize("prefix", ["", "/llm"])
def test_with_and_without_the_path(prefix: str) -> None:
    client = create_app(Config(BASE_PATH="/llm"), ScriptedEngine()).test_client()
    assert client.get(f"{prefix}/health").status_code == 200
    assert client.post(f"{prefix}/v1/completions", json={"prompt": "a"}).status_code == 200
    page = client.get(f"{prefix}/").text
    assert 'href="/llm/static/' in page and 'href="/static/' not in page
    assert 'action="/llm/playground/chat#chat"' in page


def test_a_path_that_only_begins_alike() -> None:
    client = create_app(Config(BASE_PATH="/llm"), ScriptedEngine()).test_client()
    assert client.get("/llmx/health").status_code == 404
    assert client.get("/llm").status_code == 200


def test_no_path() -> None:
    client = create_app(Config(), ScriptedEngine()).test_client()
    assert client.get("/llm/health").status_code == 404
    assert 'href="/static/' in client.get("/").text
