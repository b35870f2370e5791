"""GET /v1/usage, the keys' rows in /metrics and the tokens in the access log."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.server.log import JsonFormatter
from config import Config
from tests.fakes import ScriptedEngine

SECRETS = {"alice": "sk-alice-51", "old": "sk-old-52", "key-3": "sk-unnamed-53"}
LOGGER = "app.middleware.request_log"


@pytest.fixture
def keyed(engine: ScriptedEngine, tmp_path: Path) -> FlaskClient:
    path = tmp_path / "keys"
    path.write_text("alice sk-alice-51\nold sk-old-52\nsk-unnamed-53\nold sk-new-54\n")
    return create_app(Config(API_KEYS_FILE=str(path)), engine).test_client()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def rows(client: FlaskClient, name: str) -> dict[str, float]:
    """One metric's values by key."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    (family,) = [each for each in families if each.name == f"westlake_key_{name}"]
    return {sample.labels["key"]: sample.value for sample in family.samples}


def test_a_day_without_keys(client: FlaskClient) -> None:
    usage = client.post("/v1/completions", json={"prompt": "a"}).get_json()["usage"]
    client.post("/v1/embeddings", json={"input": ["a", "b"], "encoding_format": "float"})
    body = client.get("/v1/usage").get_json()
    today = datetime.now(UTC).date().isoformat()
    begin = body.pop("start_time")
    assert datetime.fromtimestamp(begin, UTC).date().isoformat() == today
    assert body == {
        "object": "usage",
        "key_name": "anonymous",
        "date": today,
        "requests": 2,
        "prompt_tokens": usage["prompt_tokens"] + 4,  # with BOS
        "completion_tokens": usage["completion_tokens"],
        "cached_tokens": 0,
    }
    assert rows(client, "requests") == {"anonymous": 2}


def test_each_key_sees_its_own_day(keyed: FlaskClient) -> None:
    used = {}
    for number, (name, key) in enumerate(SECRETS.items(), 1):
        body = {"messages": [{"role": "user", "content": "a" * number}], "n": number}
        usage = keyed.post("/v1/chat/completions", json=body, headers=bearer(key)).get_json()
        used[name] = usage["usage"]
    for name, key in SECRETS.items():
        body = keyed.get("/v1/usage", headers=bearer(key)).get_json()
        assert (body["key_name"], body["requests"]) == (name, 1)
        for count in ("prompt_tokens", "completion_tokens"):
            assert body[count] == used[name][count]
    assert keyed.get("/v1/usage").status_code == 401
    assert rows(keyed, "prompt_tokens") == {n: u["prompt_tokens"] for n, u in used.items()}
    assert rows(keyed, "generation_tokens") == {n: u["completion_tokens"] for n, u in used.items()}
    assert rows(keyed, "cached_tokens") == dict.fromkeys(SECRETS, 0)


def test_keys_of_one_name_share_a_row(keyed: FlaskClient) -> None:
    """An old key and the one that replaces it."""
    for key in ("sk-old-52", "sk-new-54"):
        keyed.post("/v1/embeddings", json={"input": "a"}, headers=bearer(key))
    assert rows(keyed, "requests") == {"old": 2}
    assert keyed.get("/v1/usage", headers=bearer("sk-new-54")).get_json()["requests"] == 2


def test_refused_requests_do_not_count(keyed: FlaskClient) -> None:
    for body in ({"prompt": "a", "n": 99}, {"prompt": "a", "model": "no"}, {"prompt": [9999]}):
        assert (
            keyed.post("/v1/completions", json=body, headers=bearer("sk-old-52")).status_code > 399
        )
    assert keyed.get("/v1/usage", headers=bearer("sk-old-52")).get_json()["requests"] == 0
    assert rows(keyed, "requests") == {}


def test_no_key_is_shown(keyed: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    for key in SECRETS.values():
        keyed.post("/v1/completions", json={"prompt": "a"}, headers=bearer(key)).close()
        texts.append(keyed.get("/v1/usage", headers=bearer(key)).text)
    texts += [keyed.get("/metrics").text, caplog.text]
    texts += [JsonFormatter().format(record) for record in caplog.records]
    assert not any("sk-" in text for text in texts)


def test_the_access_log_has_the_tokens(
    keyed: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    headers = bearer(SECRETS["alice"])
    whole = keyed.post("/v1/completions", json={"prompt": "a", "n": 2}, headers=headers)
    usage = whole.get_json()["usage"]
    whole.close()
    keyed.post("/v1/embeddings", json={"input": "abc"}, headers=headers).close()
    keyed.get("/v1/models", headers=headers).close()
    keyed.post("/v1/completions", json={"prompt": "a", "n": 99}, headers=headers).close()
    records = [each for each in caplog.records if each.name == LOGGER]
    entries = [json.loads(JsonFormatter().format(record)) for record in records]
    assert all(entry["client"] == "alice" for entry in entries)
    counts = ("prompt_tokens", "completion_tokens", "cached_tokens")
    logged = [tuple(entry.get(count) for count in counts) for entry in entries]
    assert logged == [
        (usage["prompt_tokens"], usage["completion_tokens"], 0),
        (4, 0, 0),
        (None, None, None),
        (None, None, None),
    ]


def test_a_stream_that_the_client_leaves_is_logged_as_far_as_it_came(
    keyed: FlaskClient, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    engine.bytes_per_event = 1
    body = {"prompt": "a", "stream": True}
    response = keyed.post(
        "/v1/completions", json=body, headers=bearer(SECRETS["alice"]), buffered=False
    )
    chunks = response.iter_encoded()
    while engine.handles[-1].generation_tokens < 4:
        next(chunks)
    response.close()
    (record,) = [each for each in caplog.records if each.name == LOGGER]
    entry = json.loads(JsonFormatter().format(record))
    assert entry["completion_tokens"] == engine.handles[-1].generation_tokens
    assert 4 <= entry["completion_tokens"] < 10
