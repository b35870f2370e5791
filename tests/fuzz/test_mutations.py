"""Thousands of requests that are nearly right: each a clear answer, at once, and none of them
any trouble to those that follow."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.fuzz.answers import check_answer
from tests.fuzz.mutations import SEEDS, requests

QUICK = settings(
    max_examples=12_000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
#: Each takes a few milliseconds; what takes a second is slow for a reason.
LIMIT_S = 5.0


class Fuzzed:
    """One server and what it has answered."""

    def __init__(self) -> None:
        self.engine = ScriptedEngine()
        app = create_app(Config(PROMPT_TEMPLATE="none"), self.engine)
        self.client: FlaskClient = app.test_client()
        self.statuses: Counter[int] = Counter()
        self.paths: Counter[str] = Counter()

    def send(self, path: str, body: bytes) -> None:
        """Send one, look at the answer, and every hundredth time at a good request's."""
        began = time.monotonic()
        with self.client.post(path, data=body, content_type="application/json") as answer:
            data = answer.data
        assert time.monotonic() - began < LIMIT_S
        check_answer(answer.status_code, answer.content_type, data, path)
        self.statuses[answer.status_code] += 1
        self.paths[path] += 1
        if self.statuses.total() % 100 == 0:
            good = self.client.post("/v1/completions", json={"prompt": "你好"})
            assert good.status_code == 200
            now = self.engine.stats
            assert now.accepted == now.completed + now.cancelled
            self.engine.handles.clear()
            self.engine.requests.clear()
            self.engine.encoded.clear()


def test_ten_thousand() -> None:
    fuzzed = Fuzzed()

    @QUICK
    @given(requests())
    def send(request: tuple[str, bytes]) -> None:
        fuzzed.send(*request)

    send()
    assert fuzzed.statuses.total() >= 10_000
    assert fuzzed.statuses[200] > 500 and fuzzed.statuses[400] > 3_000, fuzzed.statuses


@pytest.mark.figures
def test_two_hundred_thousand() -> None:
    fuzzed = Fuzzed()

    @settings(QUICK, max_examples=200_000, derandomize=False)
    @given(requests())
    def send(request: tuple[str, bytes]) -> None:
        fuzzed.send(*request)

    send()
    assert fuzzed.statuses.total() >= 200_000
    assert set(fuzzed.paths) == {path for path, _ in SEEDS}
    assert min(fuzzed.paths.values()) >= 5_000, fuzzed.paths
