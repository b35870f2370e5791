"""The app over a scripted upstream, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from app import create_app_over
from app.engine.stats import EngineState
from app.generation.served_model import served_model
from app.upstream.build import build_upstream_engine
from app.upstream.text_engine import UpstreamTextEngine
from app.upstream.upstream_engine import UpstreamEngine
from config import Config
from tests.harness.scripted_upstream import ScriptedUpstream, scripted_upstream
from tests.harness.waiting import wait_until

Over = Callable[..., "Front"]


class Front:
    """This server over an upstream."""

    def __init__(self, upstream: ScriptedUpstream, **settings: object) -> None:
        config = Config(UPSTREAM=upstream.url, **settings)  # type: ignore[arg-type]
        self.engine: UpstreamEngine = build_upstream_engine(config)
        self.engine.start()
        text_engine = UpstreamTextEngine(self.engine, served_model(config))
        self.http: FlaskClient = create_app_over(config, self.engine, text_engine).test_client()

    def wait_ready(self) -> Front:
        """Wait until the upstream has been found ready."""
        wait_until(lambda: self.engine.state is EngineState.READY)
        return self

    def settled(self) -> tuple[int, int, int, int]:
        """Wait until nothing is in flight: (accepted, completed, failed, cancelled)."""

        def balanced() -> bool:
            stats = self.engine.stats
            ended = stats.completed + stats.failed + stats.cancelled
            return stats.accepted == ended and stats.running == stats.waiting == 0

        wait_until(balanced)
        stats = self.engine.stats
        return stats.accepted, stats.completed, stats.failed, stats.cancelled


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def over(upstream: ScriptedUpstream) -> Iterator[Over]:
    """A front that is ready, with further settings."""
    fronts: list[Front] = []

    def over(**settings: object) -> Front:
        fronts.append(Front(upstream, **settings))
        return fronts[-1].wait_ready()

    yield over
    for front in fronts:
        front.engine.drain(0)


@pytest.fixture
def front(over: Over) -> Front:
    return over()
