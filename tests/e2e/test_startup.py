"""Start-up errors: one clear line, a non-zero exit code, and no restart.

Each is tested both with `python wsgi.py` and flags, and with `gunicorn wsgi:app` and variables.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from app.checkpoint.config import read_config
from app.checkpoint.expected_tensors import expected_shapes
from tests.harness.model_directory import PIECES, write_config, write_model, write_shards
from tests.harness.server import ROOT, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import cpu_limit

LIMIT_S = 10.0
PYTHON = (sys.executable, "wsgi.py")
GUNICORN = (sys.executable, "-m", "gunicorn", "wsgi:app")
WAYS = pytest.mark.parametrize("way", [PYTHON, GUNICORN], ids=["python", "gunicorn"])


def refused(way: tuple[str, ...], settings: dict[str, str], *extra: str, **variables: str) -> str:
    """Start a server that must fail; return the one line it prints."""
    settings = {"HOST": "127.0.0.1", "PORT": str(free_port()), **settings}
    environ = {k: v for k, v in os.environ.items() if not k.startswith("WESTLAKE_")}
    environ |= variables
    command = [*way, *extra]
    if way == PYTHON:
        command += [f"--{name.lower()}={value}" for name, value in settings.items()]
    else:
        environ |= {f"WESTLAKE_{name}": value for name, value in settings.items()}
    began = time.monotonic()
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=3 * LIMIT_S
    )
    assert time.monotonic() - began < LIMIT_S
    assert ended.returncode != 0
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if "it/s" not in line and line.strip()]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("westlake: ")
    return lines[0]


def garble(directory: Path) -> None:
    (directory / "config.json").write_text("{")


def lose_the_config(directory: Path) -> None:
    (directory / "config.json").unlink()


def lose_the_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def pickle(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


def truncate(directory: Path) -> None:
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def point(directory: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (directory / "model.safetensors").write_text(text)


def lose_a_shard(directory: Path) -> None:
    shutil.rmtree(directory)
    write_shards(directory)
    (directory / "model-00001-of-00002.safetensors").unlink()


def lose_the_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.model").unlink()


def spoil_the_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.model").write_bytes(b"\0not a tokenizer")


def change(**values: object) -> Callable[[Path], None]:
    def apply(directory: Path) -> None:
        write_config(directory, **values)

    return apply


def outgrow_the_machine(directory: Path) -> None:
    """Matrices of 200 GB in a sparse file that uses no disk space."""
    write_config(directory, intermediate_size=2**30, vocab_size=PIECES)
    header: dict[str, object] = {}
    end = 0
    for name, shape in expected_shapes(read_config(directory)).items():
        begin, size = end, 2
        for dimension in shape:
            size *= dimension
        end = begin + size
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    raw = json.dumps(header).encode()
    with (directory / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)


DIRECTORIES: list[tuple[Callable[[Path], None], str]] = [
    (lose_the_config, "config.json is missing"),
    (garble, "config.json is not valid JSON"),
    (change(architectures=["GPT2LMHeadModel"]), "GPT2LMHeadModel is not supported"),
    (change(auto_map={"AutoModelForCausalLM": "x.Y"}), "'auto_map'"),
    (change(quantization_config={"quant_method": "awq"}), "quantized"),
    (change(rope_scaling={"type": "dynamic", "factor": 2.0}), "rope type 'dynamic'"),
    (change(rope_scaling={"type": "longrope", "factor": 2.0}), "rope type 'longrope'"),
    (change(num_hidden_layers=3), "lacks the tensor 'model.layers.2."),
    (change(intermediate_size=40), "has shape [48, 32]; config.json expects [40, 32]"),
    (lose_the_weights, "holds no weights"),
    (pickle, "pickles run code"),
    (truncate, "is truncated"),
    (point, "git-LFS pointer"),
    (lose_a_shard, "model-00001-of-00002.safetensors is missing"),
    (lose_the_tokenizer, "holds no tokenizer"),
    (outgrow_the_machine, "GB of CPU memory"),
    # Detected while loading, in the background:
    (spoil_the_tokenizer, "tokenizer.model"),
    (change(), "tokens"),  # the embedded model's tokenizer for a vocabulary of 64
]


@WAYS
@pytest.mark.parametrize(("spoil", "words"), DIRECTORIES, ids=[words for _, words in DIRECTORIES])
def test_wrong_directories(
    tmp_path: Path, way: tuple[str, ...], spoil: Callable[[Path], None], words: str
) -> None:
    directory = write_model(tmp_path / "model")
    spoil(directory)
    assert words in refused(way, {"BASE_MODEL": str(directory)})


@WAYS
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "80000"}, "--port is '80000'"),
        ({"BASE_MODEL": "/nowhere"}, "no such directory"),
        ({"GPUS": "99"}, "--gpus is 99"),
        ({"GPUS": "0,99"}, "--gpus is "),
        ({"LORA_MODEL": "x"}, "--lora_model is 'x': there is no such directory"),
        ({"ALPHA": "auto"}, "--alpha is 'auto'"),
        ({"CHAT_TEMPLATE": "nosuch"}, "--chat_template nosuch cannot be read"),
        ({"CHAT_TEMPLATE": "README.md"}, "--chat_template README.md"),
        ({"DTYPE": "float16", "ONLY_CPU": "1"}, "needs a GPU"),
        ({"KV_CACHE_DTYPE": "int8"}, "--kv_cache_dtype is 'int8'"),
        ({"KV_CACHE_MB": str(2**24)}, "smaller --kv_cache_mb"),
        ({"HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ],
)
def test_wrong_settings(way: tuple[str, ...], settings: dict[str, str], words: str) -> None:
    if way == PYTHON and settings.pop("ONLY_CPU", ""):
        assert words in refused(way, settings, "--only_cpu")
    else:
        assert words in refused(way, settings)


@WAYS
def test_a_port_that_is_taken(way: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1 port {port}" in refused(way, {"PORT": port})


@WAYS
def test_unknown_variables(way: tuple[str, ...]) -> None:
    assert "did you mean WESTLAKE_PORT" in refused(way, {}, WESTLAKE_PROT="1")


@WAYS
def test_a_second_worker_by_the_environment(way: tuple[str, ...]) -> None:
    assert "loaded once" in refused(way, {}, WEB_CONCURRENCY="2")


@WAYS
def test_a_second_worker_by_gunicorns_own_variable(way: tuple[str, ...]) -> None:
    assert "loaded once" in refused(way, {}, GUNICORN_CMD_ARGS="--workers 2")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["-w", "2"], "2 workers are configured"),
        (["--preload"], "without --preload"),
        (["-k", "sync"], "leave out -k"),
        (["--threads", "4"], "4 threads are too few"),
    ],
)
def test_gunicorn_options(option: list[str], words: str) -> None:
    assert words in refused(GUNICORN, {}, *option)


@pytest.mark.parametrize("flag", [["--prot", "1"], ["--port"], ["model"]])
def test_unknown_flags(flag: list[str]) -> None:
    assert "--help" in refused(PYTHON, {}, *flag)


def test_gunicorn_elsewhere_does_not_start_again_and_again(tmp_path: Path) -> None:
    """Without gunicorn.conf.py the worker class is wrong: it says so and exits."""
    command = [*GUNICORN, "--pythonpath", str(ROOT), "-b", f"127.0.0.1:{free_port()}"]
    command.append("--no-control-socket")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S)
    assert ended.returncode != 0
    assert ended.stderr.count("westlake: wsgi:app runs in one gunicorn worker") == 1


def test_the_help_is_quick() -> None:
    with cpu_limit(2, of_children=True):  # no torch
        ended = subprocess.run([*PYTHON, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0
    assert "--base_model DIR" in ended.stdout


def test_it_starts_in_any_directory_and_imports_nothing_of_it(tmp_path: Path) -> None:
    write_model(tmp_path / "model", vocab_size=PIECES)
    for name in ("app", "config", "wsgi", "gunicorn.conf", "numba", "torch"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} of another folder')")
    port = free_port()
    command = python_wsgi(port, "--base_model", "model")
    with running(command, port, tmp_path / "log", folder=tmp_path) as server:
        wait_ready(server)
        with urlopen(f"http://127.0.0.1:{port}/v1/models") as answer:
            assert json.load(answer)["data"][0]["id"] == "model"
