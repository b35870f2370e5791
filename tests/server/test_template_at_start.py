"""A model's chat template is tried before the server starts."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.server.startup import check_all, run_check
from config import Config
from tests.harness.model_directory import PIECES, write_model
from tests.harness.server import ROOT, free_port

GOOD = "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content }}{% endfor %}"
#: Three that fail for every conversation, and one that never ends.
BAD = [
    "{{ messages[0].content | to_json }}",
    "{{ documents | length }}{{ messages[0].content }}",
    "{{ messages[0]['content'] + 1 }}",
    "{{ messages[0].content }}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}",
]


def model(directory: Path, template: str) -> Path:
    write_model(directory, vocab_size=PIECES)
    (directory / "chat_template.jinja").write_text(template, "utf-8")
    return directory


@pytest.mark.parametrize("template", BAD)
def test_both_ways_to_check_refuse_it(template: str, tmp_path: Path) -> None:
    settings = {"BASE_MODEL": str(model(tmp_path, template)), "ONLY_CPU": True}
    for check in (lambda config: check_all(config, ()), run_check):
        with pytest.raises(StartupError, match=r"the chat template in .*--chat_template"):
            check(Config(**settings))
        check(Config(**settings, CHAT_TEMPLATE="chatml"))  # the remedy


def test_a_working_template_is_accepted(tmp_path: Path) -> None:
    config = Config(BASE_MODEL=str(model(tmp_path, GOOD)), ONLY_CPU=True)
    check_all(config, ())
    run_check(config)


@pytest.mark.parametrize("flags", [(), ("--check",)], ids=["start", "check"])
def test_it_is_told_soon_and_in_one_line(flags: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "wsgi.py", "--only_cpu", "--port", str(free_port()), *flags]
    command += ["--host", "127.0.0.1", "--base_model", str(model(tmp_path, BAD[1]))]
    began = time.monotonic()
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert time.monotonic() - began < 50
    assert ended.returncode == 1
    assert ended.stderr.startswith("westlake: the chat template in ")
    assert ended.stderr.count("\n") == 1
    assert "TypeError" in ended.stderr


def test_it_is_tried_without_torch(tmp_path: Path) -> None:
    program = """
import sys
from app.server.startup import run_check
from config import Config
run_check(Config(BASE_MODEL=sys.argv[1], ONLY_CPU=True))
assert not {"torch", "transformers"} & set(sys.modules)
"""
    command = [sys.executable, "-c", program, str(model(tmp_path, GOOD))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
