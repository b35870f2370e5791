"""`python wsgi.py --check`: the report, models that do not fit, and its CPU time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.checkpoint import check, memory
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.cpu_count import cpu_count
from app.checkpoint.hardware.cpu_features import kernels
from app.checkpoint.memory import RUNTIME_BYTES
from app.server.arguments import convert_paths, wants_check
from app.server.startup import run_check
from config import Config, ConfigError
from tests.harness.model_directory import PIECES, write_model
from tests.harness.server import ROOT
from tests.harness.waiting import cpu_limit


def model(directory: Path) -> Path:
    return write_model(directory, vocab_size=PIECES)


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check(Config(BASE_MODEL=str(model(tmp_path)), ONLY_CPU=True, KV_CACHE_MB=5))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"base model     {tmp_path}"
    assert "llama, 2 layers, width 32, float16" in lines[1]
    assert f"vocabulary     base model {PIECES}, tokenizer {PIECES}, result {PIECES}" in lines
    assert f"tokenizer      sentencepiece (tokenizer.model) in {tmp_path}" in lines
    assert "chat template  none: Alpaca is used" in lines
    assert "context        256 tokens" in lines
    device = lines.index("device         CPU")
    assert lines[device + 1].strip() == kernels()
    assert lines[device + 2].strip() == cpu_count().describe(None)
    assert any(line.endswith("0.01 GB  keys and values (--kv_cache_mb)") for line in lines)
    assert any(line.endswith("0.71 GB  together") for line in lines)


def test_tool_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory, file = str(model(tmp_path)), tmp_path / "tools.jinja"
    shown = "{{ tools | tojson }}{{ messages[0].content }}"
    for template, setting, text in (
        (None, None, "hermes, as the chat template has it"),
        (f"[TOOL_CALLS]{shown}", None, "mistral, as the chat template has it"),
        (f"[TOOL_CALLS]{shown}", "json", "json"),
        ("[TOOL_CALLS]{{ messages[0].content }}", None, "hermes, as the chat template has it"),
    ):
        file.write_text(template or "")
        named = str(file) if template else None
        run_check(
            Config(BASE_MODEL=directory, ONLY_CPU=True, CHAT_TEMPLATE=named, TOOL_PARSER=setting)
        )
        assert f"tool calls     {text}" in capsys.readouterr().out.splitlines()


def test_thinking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory, file = str(model(tmp_path)), tmp_path / "thinks.jinja"
    for template, text in (
        ("{{ messages[0].content }}", "none: its template has no <think>"),
        (
            "{{ messages[0].content }}<think>",
            "<think> … </think> is reasoning_content, always on",
        ),
        (
            "{{ messages[0].content }}{% if enable_thinking %}<think>{% endif %}",
            "<think> … </think> is reasoning_content, switched by enable_thinking",
        ),
    ):
        file.write_text(template)
        run_check(Config(BASE_MODEL=directory, ONLY_CPU=True, CHAT_TEMPLATE=str(file)))
        assert f"thinking       {text}" in capsys.readouterr().out.splitlines()


def test_sampling_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = model(tmp_path)
    (directory / "generation_config.json").write_text('{"temperature": 0.6, "top_k": 20}')
    for setting, text in (
        ("none", "the server's defaults"),
        (
            "auto",
            "temperature 0.6, top_k 20 (generation_config.json); the server's defaults for others",
        ),
    ):
        run_check(Config(BASE_MODEL=str(directory), ONLY_CPU=True, GENERATION_CONFIG=setting))
        assert f"sampling       {text}" in capsys.readouterr().out.splitlines()
    (directory / "generation_config.json").write_text('{"temperature": 3}')
    run_check(Config(BASE_MODEL=str(directory), ONLY_CPU=True))
    with pytest.raises(StartupError, match="temperature"):
        run_check(Config(BASE_MODEL=str(directory), ONLY_CPU=True, GENERATION_CONFIG="auto"))


def test_threads_that_were_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check(Config(BASE_MODEL=str(model(tmp_path)), ONLY_CPU=True, THREADS=3))
    assert re.search(r"^ +threads=3 \(.*--threads\)$", capsys.readouterr().out, re.MULTILINE)


def test_a_cpu_without_compiled_kernels_is_reported_without_torch(tmp_path: Path) -> None:
    program = """
import sys
from app.server.startup import run_check
from config import Config
run_check(Config(BASE_MODEL=sys.argv[1], ONLY_CPU=True, LOAD_IN_8BIT=True))
assert not {"torch", "numba", "numpy"} & set(sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, str(model(tmp_path))],
        env={**os.environ, "DISABLE_CPU_FEATURES": "avx2"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "torch (no compiled kernels: this CPU has no AVX2)" in ended.stdout


def test_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(BASE_MODEL=str(model(tmp_path)), ONLY_CPU=True)
    quantized = check.check_without_memory(config).memory.quantized_weights
    for bits in (4, 8):
        left = RUNTIME_BYTES + quantized[bits] + 1000
        monkeypatch.setattr(check, "available_bytes", lambda left=left: left)
        with pytest.raises(StartupError, match=f"try --load_in_{bits}bit"):
            run_check(config)
    assert "more than is left" in capsys.readouterr().out
    monkeypatch.setattr(memory, "missing_feature", lambda: "AVX2")
    left = RUNTIME_BYTES + quantized[4] + 1000
    monkeypatch.setattr(check, "available_bytes", lambda: left)
    with pytest.raises(StartupError, match="try a smaller model"):
        run_check(config)
    monkeypatch.setattr(check, "available_bytes", lambda: RUNTIME_BYTES)
    with pytest.raises(StartupError, match="try a smaller model"):
        run_check(config)
    capsys.readouterr()
    weights = check.check_without_memory(config).memory.weights
    monkeypatch.setattr(check, "available_bytes", lambda: RUNTIME_BYTES + weights + 50_000)
    run_check(config)
    per_token = 2 * 2 * 2 * 8 * 4
    assert f"more than is left; --max_model_len {50_000 // per_token} f" in capsys.readouterr().out


def test_the_command_is_quick_and_ends_with_0() -> None:
    command = [sys.executable, "wsgi.py", "--check", "--only_cpu", "--load-in-8bit"]
    with cpu_limit(3, of_children=True):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "matrices (8 bits)" in ended.stdout


def test_a_mistake_is_one_line() -> None:
    command = [sys.executable, "wsgi.py", "--check", "--base_model", "/nowhere"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("westlake: --base_model is '/nowhere'")


def test_the_command_line() -> None:
    assert wants_check(["--port", "1", "--check"])
    assert not wants_check(["--port", "1"])
    assert convert_paths(["--check"]) is None
    assert convert_paths(["convert", "a", "b"]) == (Path("a"), Path("b"))
    for wrong in (["convert"], ["convert", "a"], ["convert", "a", "--b"], ["convert", *"abc"]):
        with pytest.raises(ConfigError, match="convert IN OUT"):
            convert_paths(wrong)
