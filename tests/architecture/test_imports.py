"""Who imports whom: HTTP without torch, and the directions that pyproject.toml draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SERVE_WITHOUT_A_MODEL = """
import sys
from app import create_app
from config import Config
from tests.fakes import ScriptedEngine

client = create_app(Config(), ScriptedEngine()).test_client()
assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200
assert client.post("/v1/chat/completions", json={"messages": "a"}).status_code == 200
assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 200
assert client.get("/").status_code == 200
heavy = {"torch", "transformers", "peft", "accelerate", "numpy", "sentencepiece"} & set(sys.modules)
assert not heavy, heavy
"""


def test_http_needs_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE_WITHOUT_A_MODEL], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_directions() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
