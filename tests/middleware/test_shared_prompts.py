"""The prefix cache is shared by the requests of one key only."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.async_engine import AsyncEngine
from app.engine.request import ANONYMOUS, Owner
from app.middleware import api_keys as keys_module
from config import Config
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, BOB, KEYS, bearer

USER = {"role": "user", "content": "你好"}


@pytest.fixture
def client(real_engine: AsyncEngine, tmp_path: Path) -> FlaskClient:
    path = tmp_path / "keys"
    path.write_text(KEYS)
    return create_app(Config(API_KEYS_FILE=str(path)), real_engine).test_client()


def cached(client: FlaskClient, key: str | None, path: str, body: dict[str, object]) -> int:
    headers = {} if key is None else bearer(key)
    answer = client.post(path, json={**body, "max_tokens": 1}, headers=headers).get_json()
    cached: int = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return cached


# Without the template, or with an unusual system prompt: the usual ones may be cached from another
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
    client: FlaskClient, real_engine: AsyncEngine, path: str, body: dict[str, object]
) -> None:
    assert cached(client, ALICE, path, body) == 0
    hits = real_engine.stats.prefix_reused_tokens
    assert cached(client, BOB, path, body) == 0
    assert real_engine.stats.prefix_reused_tokens == hits, "nor do the metrics tell of any"
    assert cached(client, ALICE, path, body) >= 64
    assert cached(client, BOB, path, body) >= 64
    assert real_engine.stats.prefix_reused_tokens > hits


def test_without_keys_all_share(real_engine: AsyncEngine) -> None:
    client = create_app(Config(), real_engine).test_client()
    body = {"prompt": "没有钥匙时大家共用" * 20, "prompt_template": "none"}
    assert cached(client, None, "/v1/completions", body) == 0
    assert cached(client, "any", "/v1/completions", body) >= 64


def test_cache_owner_and_whether_it_is_limited(
    engine: ScriptedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "CHECK_INTERVAL_S", 0.0)
    path = tmp_path / "keys"
    path.write_text(f"alice {ALICE}\n")
    client = create_app(Config(API_KEYS_FILE=str(path)), engine).test_client()

    def owner(key: str, route: str, body: dict[str, object]) -> Owner:
        assert client.post(f"/v1/{route}", json=body, headers=bearer(key)).status_code == 200
        return engine.requests[-1].owner

    bodies: list[tuple[str, dict[str, object]]] = [
        ("completions", {"prompt": "a"}),
        ("chat/completions", {"messages": "a"}),
        ("embeddings", {"input": "a"}),
    ]
    assert not any(owner(ALICE, *each).limited for each in bodies), "the only key may have all"
    path.write_text(KEYS)
    alice, bob = ({owner(key, *each) for each in bodies} for key in (ALICE, BOB))
    assert len(alice) == len(bob) == 1
    assert alice != bob
    assert all(each.limited for each in alice | bob)


def test_without_keys_no_owner_is_limited(engine: ScriptedEngine) -> None:
    client = create_app(Config(), engine).test_client()
    client.post("/v1/embeddings", json={"input": "a"}, headers=bearer("any"))
    assert engine.requests[-1].owner == ANONYMOUS
