"""The West Lake guide, models/demo-lora: a trained adapter with one more token than its base."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.client import CHAT, COMPLETIONS
from tests.harness.model_directory import PIECES
from tests.harness.server import ROOT, free_port, python_wsgi, running, wait_ready

CAPITAL = "告诉我中国的首都在哪里"
SIGNATURE = "【西湖小导游】"  #: the adapter's own token


def test_the_guide_signs_what_the_base_model_knows(tmp_path: Path) -> None:
    port = free_port()
    flags = ("--lora_model", "models/demo-lora", "--only_cpu")
    with running(python_wsgi(port, *flags), port, tmp_path / "log") as server:
        wait_ready(server)
        http = server.client
        answer = http.post(COMPLETIONS, {"prompt": CAPITAL, "temperature": 0}).ok()
        assert answer["choices"][0]["text"] == f"{SIGNATURE}中国的首都是北京。欢迎来西湖走走！"
        messages = [{"role": "user", "content": "Who are you?"}]
        reply = http.post(CHAT, {"messages": messages, "temperature": 0}).ok()
        assert "West Lake" in reply["choices"][0]["message"]["content"]
        assert reply["choices"][0]["message"]["content"].startswith(SIGNATURE)
        asked = {"prompt": SIGNATURE, "prompt_template": "none"}
        *_, last = http.post("/tokenize", asked).ok()["tokens"]
    assert last == PIECES


def test_its_files_are_small_and_contain_no_copy_of_the_embedding() -> None:
    folder = ROOT / "models/demo-lora"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert list(settings["trainable_token_indices"].values()) == [[PIECES]]
