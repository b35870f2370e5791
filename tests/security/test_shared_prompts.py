"""Prompts in the cache: shared by the requests of one key, and by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.service import EngineService
from config import Config
from tests.security.conftest import ALICE, BOB, KEYS, bearer

USER = {"role": "user", "content": "你好"}


@pytest.fixture
def client(real_engine: EngineService, tmp_path: Path) -> FlaskClient:
    path = tmp_path / "keys"
    path.write_text(KEYS)
    return create_app(Config(API_KEYS_FILE=str(path)), real_engine).test_client()


def cached(client: FlaskClient, key: str | None, path: str, body: dict[str, object]) -> int:
    headers = {} if key is None else bearer(key)
    answer = client.post(path, json={**body, "max_tokens": 1}, headers=headers).get_json()
    found: int = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return found


# Without the template, or with a system text of its own: the usual ones may be known from another
# test.
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "钥匙之间" * 30, "prompt_template": "none"}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "system", "content": "各自的缓存" * 30}, USER]},
        ),
    ],
)
def test_another_key_finds_nothing(
    client: FlaskClient, real_engine: EngineService, path: str, body: dict[str, object]
) -> None:
    assert cached(client, ALICE, path, body) == 0
    hits = real_engine.stats.prefix_reused_tokens
    assert cached(client, BOB, path, body) == 0
    assert real_engine.stats.prefix_reused_tokens == hits, "nor do the metrics tell of any"
    assert cached(client, ALICE, path, body) >= 64
    assert cached(client, BOB, path, body) >= 64
    assert real_engine.stats.prefix_reused_tokens > hits


def test_without_keys_all_share(real_engine: EngineService) -> None:
    client = create_app(Config(), real_engine).test_client()
    body = {"prompt": "没有钥匙时大家共用" * 20, "prompt_template": "none"}
    assert cached(client, None, "/v1/completions", body) == 0
    assert cached(client, "any", "/v1/completions", body) >= 64
