"""The named corpus against the embedded model, while four healthy requests are in the batch."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.engine.async_engine import AsyncEngine
from config import Config
from tests.fuzz.answers import LEAK
from tests.fuzz.corpus import CASES, CONTEXT, VOCAB, Case
from tests.middleware.conftest import KEYS

HEALTHY = [
    {"prompt": "告诉我中国的首都在哪里", "temperature": 0, "max_tokens": 40, "ignore_eos": True},
    {
        "prompt": "What is the capital of France?",
        "seed": 7,
        "temperature": 1,
        "max_tokens": 60,
        "ignore_eos": True,
    },
    {
        "prompt": [1, 300, 301],
        "top_k": 5,
        "seed": -1,
        "temperature": 1.5,
        "max_tokens": 50,
        "ignore_eos": True,
    },
    {"prompt": "西湖" * 40, "num_beams": 2, "max_tokens": 30},
]


class Neighbours:
    """Four clients that ask the same over and over, and compare every answer."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stop = threading.Event()
        self.answers = 0
        self.faults: list[str] = []
        self._alone = [self._ask(app.test_client(), body) for body in HEALTHY]
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(len(HEALTHY))]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        client = self._app.test_client()
        while not self._stop.is_set():
            text = self._ask(client, HEALTHY[number])
            self.answers += 1
            if text != self._alone[number]:
                self.faults.append(f"{HEALTHY[number]}: {text!r}, not {self._alone[number]!r}")

    @staticmethod
    def _ask(client: FlaskClient, body: dict[str, object]) -> str:
        answer = client.post("/v1/completions", json=body)
        return answer.get_json()["choices"][0]["text"] if answer.status_code == 200 else answer.text


@pytest.fixture(scope="module")
def clients(
    real_engine: AsyncEngine, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, FlaskClient]:
    """Three servers of one model: as it is, with keys, and with names."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEYS)
    configs = {
        "plain": Config(),
        "keyed": Config(API_KEYS_FILE=str(keys)),
        "named": Config(TRUSTED_HOSTS=("llm.example",)),
    }
    return {name: create_app(config, real_engine).test_client() for name, config in configs.items()}


@pytest.fixture(scope="module")
def neighbours(real_engine: AsyncEngine) -> Iterator[Neighbours]:
    found = Neighbours(create_app(Config(), real_engine))
    yield found
    found.stop()
    assert found.faults == []
    assert found.answers >= 2 * len(HEALTHY)


def test_the_corpus_is_large_and_has_no_twins(real_engine: AsyncEngine) -> None:
    assert (VOCAB, CONTEXT) == (real_engine.info.vocab_size, real_engine.info.max_model_len)
    assert len(CASES) >= 250
    sent = {(case.path, case.body, case.method, case.server, str(case.headers)) for case in CASES}
    assert len(sent) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, clients: dict[str, FlaskClient], neighbours: Neighbours) -> None:
    headers = {"Content-Type": "application/json", **case.headers}
    answer = clients[case.server].open(
        case.path, method=case.method, data=case.body, headers=headers
    )
    data = answer.data
    assert answer.status_code == case.status, data[:500]
    assert not LEAK.search(data)
    if case.status >= 400:
        error = json.loads(data)["error"]
        assert error["param"] == case.param
        assert error["type"] == "invalid_request_error"
        assert 0 < len(error["message"]) < 1000
    assert neighbours.faults == []


def test_nothing_is_left_behind(
    real_engine: AsyncEngine, clients: dict[str, FlaskClient], neighbours: Neighbours
) -> None:
    neighbours.stop()
    stats = real_engine.stats
    assert stats.accepted == stats.completed + stats.failed + stats.cancelled
    assert (stats.failed, stats.running, stats.waiting) == (0, 0, 0)
    assert clients["plain"].post("/v1/completions", json={"prompt": "a"}).status_code == 200
