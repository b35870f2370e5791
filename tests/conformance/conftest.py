"""The server that the end-to-end tests share, and what its answers are held against.

Knows nothing about single fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.tokenizer.tokenizer import Tokenizer, load_tokenizer
from config import EMBEDDED_MODEL
from tests.conformance.asking import Asker
from tests.conformance.shapes import Shapes
from tests.e2e.conftest import http, server, small_server
from tests.harness.server import ROOT, Server

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["http", "server", "small_server"]


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
