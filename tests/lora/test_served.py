"""A base model with its LoRA behind HTTP, both named by relative paths."""

from __future__ import annotations

import os
from pathlib import Path

from tests.harness.server import ROOT, free_port, python_wsgi, running, wait_ready


def test_a_lora_is_served(base: Path, enlarged: Path, tmp_path: Path) -> None:
    port = free_port()
    flags = ["--base_model", os.path.relpath(base, ROOT), "--only_cpu"]
    flags += ["--lora_model", os.path.relpath(enlarged, ROOT), "--load_in_8bit"]
    with running(python_wsgi(port, *flags), port, tmp_path / "log") as server:
        wait_ready(server)
        answer = server.client.post("/v1/completions", {"prompt": "abc", "max_tokens": 3})
        assert answer.status == 200
        assert f"llama + {enlarged.name}, 8-bit on CPU" in server.logged()
