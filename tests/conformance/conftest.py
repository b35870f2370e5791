"""The server that the end-to-end tests share, and what its answers are held against.

Knows nothing about single fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from app.tokenizer.tokenizer import Tokenizer, load_tokenizer
from config import EMBEDDED_MODEL
from tests.conformance.asking import Asker
from tests.conformance.exceptions import EXCEPTIONS
from tests.conformance.serving import WESTLAKE, Serve, serving
from tests.conformance.shapes import Shapes
from tests.harness.client import Client
from tests.harness.server import ROOT, Server

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --through, tests are expected to fail where the upstream does otherwise."""
    through = config.getoption("--through")
    if through is None or through == WESTLAKE:
        return
    with urlopen(f"{through}/models", timeout=30) as answer:
        (model, *_) = json.load(answer)["data"]
    for item in items:
        node = f"{item.path.name}::{item.nodeid.partition('::')[2]}"
        for exception in EXCEPTIONS.get(model["owned_by"], ()):
            if item.path.parent == FOLDER and exception.covers(node):
                item.add_marker(pytest.mark.xfail(strict=True, reason=exception.about))


@pytest.fixture(scope="session")
def serve(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts a server with the embedded model; with --through, one in front of an upstream."""
    return serving(tmp_path_factory, request.config.getoption("--through"))


@pytest.fixture(scope="session")
def server(serve: Serve) -> Iterator[Server]:
    """The server that most tests share."""
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def small_server(serve: Serve) -> Iterator[Server]:
    """A server with --max_in_flight 4 and cache for two or three long requests."""
    with serve("--kv_cache_mb", "10", front=("--max_in_flight", "4")) as server:
        yield server


@pytest.fixture
def http(server: Server) -> Client:
    """A client of the shared server."""
    return server.client


@pytest.fixture(scope="session")
def shapes(server: Server) -> Shapes:
    """Both judges of every body: OpenAI's types, and our own document."""
    return Shapes(server.client.get("/openapi.json").ok())


@pytest.fixture(scope="session")
def ask(server: Server, shapes: Shapes) -> Asker:
    """Sends a request and holds every body of its answer against both judges."""
    return Asker(server.client, shapes)


@pytest.fixture(scope="session")
def reference() -> PreTrainedModel:
    """The embedded model as transformers reads it."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(EMBEDDED_MODEL, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The embedded model's own."""
    return load_tokenizer(ROOT / "models" / "demo")
