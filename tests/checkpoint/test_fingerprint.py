"""A model's fingerprint is equal for equal files and different for other models."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from app.build import load
from app.checkpoint.check import check_model
from app.checkpoint.fingerprint import SAMPLE_BYTES, fingerprint
from app.tokenizer.vocab_size import read_vocab_size
from app.version import VERSION
from config import EMBEDDED_MODEL, Config
from tests.harness.model_directory import PIECES, write_model, write_shards
from tests.harness.server import ROOT
from tests.harness.waiting import cpu_limit

LORA = str(ROOT / "models" / "demo-lora")


def fingerprint_of(directory: Path | str = EMBEDDED_MODEL, **settings: object) -> str:
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, **settings)
    return fingerprint(config, check_model(config, read_vocab_size))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EMBEDDED_MODEL, tmp_path / "copy"))


def test_it_contains_version_model_and_precision() -> None:
    version, model, precision = fingerprint_of().removeprefix("westlake-").split("-", 2)
    assert (version, precision) == (VERSION, "float32")
    assert len(model) == 12 and int(model, 16)
    assert fingerprint_of(LOAD_IN_8BIT=True) == f"westlake-{VERSION}-{model}-8-bit"


def test_it_depends_only_on_the_files(copy: Path) -> None:
    before = fingerprint_of()
    assert fingerprint_of(copy) == before, "not on where they lie"
    os.utime(copy / "model.safetensors", (0, 0))
    (copy / "README.md").write_text("words")
    assert fingerprint_of(copy) == before


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.model"]
)
def test_every_description_counts(copy: Path, name: str) -> None:
    path = copy / name
    if name.endswith(".json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"x": 1}))
    else:  # another setting of the normalizer, which protobuf appends
        path.write_bytes(path.read_bytes() + b"\x1a\x02\x18\x00")
    assert fingerprint_of(copy) != fingerprint_of()


def test_every_sampled_byte_counts(copy: Path) -> None:
    """The embedded model's file is so small that the samples cover nearly all of it."""
    path = copy / "model.safetensors"
    raw = bytearray(path.read_bytes())
    last = len(raw) - SAMPLE_BYTES
    seen = {fingerprint_of()}
    for place in (len(raw) - 1, last, last // 63 * 5 + 7, last // 63 * 40 + SAMPLE_BYTES // 2):
        raw[place] ^= 1
        path.write_bytes(raw)
        seen.add(fingerprint_of(copy))
        raw[place] ^= 1
    assert len(seen) == 5


def test_settings_that_change_the_numbers_count() -> None:
    prints = [
        fingerprint_of(),
        fingerprint_of(ALPHA=2.0),
        fingerprint_of(LORA_MODEL=(LORA,)),
        fingerprint_of(LOAD_IN_8BIT=True),
    ]
    assert len(set(prints)) == 4
    assert fingerprint_of(MAX_IN_FLIGHT=5, KV_CACHE_MB=50, MODEL_NAME="x") == prints[0]


def test_a_loras_files_count(tmp_path: Path) -> None:
    lora = Path(shutil.copytree(LORA, tmp_path / "lora"))
    before = fingerprint_of(LORA_MODEL=(str(lora),))
    assert before == fingerprint_of(LORA_MODEL=(LORA,))
    path = lora / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"lora_alpha": settings["lora_alpha"] + 1}))
    assert fingerprint_of(LORA_MODEL=(str(lora),)) != before


def test_every_shard_counts(tmp_path: Path) -> None:
    directory = write_shards(tmp_path / "shards")

    def current() -> str:
        config = Config(BASE_MODEL=str(directory), ONLY_CPU=True)
        return fingerprint(config, check_model(config))

    before = current()
    second = directory / "model-00002-of-00002.safetensors"
    raw = bytearray(second.read_bytes())
    raw[-1] ^= 1
    second.write_bytes(raw)
    assert current() != before


def test_a_large_file_is_sampled_quickly(tmp_path: Path) -> None:
    """A sparse file of 8 GiB, of which 4 MiB are read."""
    directory = write_model(tmp_path / "model", vocab_size=PIECES)
    rows = 2**33 // 64 // 2
    header = {"w.large": {"dtype": "F16", "shape": [rows, 64], "data_offsets": [0, 2**33]}}
    path = directory / "model.safetensors"
    old = path.read_bytes()
    (length,) = struct.unpack("<Q", old[:8])
    for name, entry in json.loads(old[8 : 8 + length]).items():
        offsets = [at + 2**33 for at in entry["data_offsets"]]
        header[name] = entry | {"data_offsets": offsets}
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + 2**33 + len(old) - 8 - length)
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True)
    checked = check_model(config)
    with cpu_limit(2.5):
        fingerprint(config, checked)


def test_no_torch() -> None:
    code = (
        "import sys; from config import Config; from app.checkpoint.check import check_model;"
        "from app.checkpoint.fingerprint import fingerprint;"
        "fingerprint(Config(), check_model(Config()));"
        "sys.exit(' '.join({'torch', 'transformers', 'numpy', 'flask'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_the_loaded_model_has_it() -> None:
    config = Config(ONLY_CPU=True)
    loaded = load(config, check_model(config, read_vocab_size))
    assert loaded.info.fingerprint == fingerprint_of()


def test_version_command() -> None:
    command = [sys.executable, "wsgi.py", "--version"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"westlake {VERSION}\n", "")


def test_the_version_is_defined_once() -> None:
    """It is also that of the newest dated section of the changelog."""
    sections = [
        line.split("[")[1].split("]")[0]
        for line in (ROOT / "CHANGELOG.md").read_text().splitlines()
        if line.startswith("## [")
    ]
    assert next(name for name in sections if name != "Unreleased") == VERSION
    names = ("app", "deploy", "config.py", "wsgi.py", "gunicorn.conf.py", "pyproject.toml")
    files = [
        path
        for name in names
        for path in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))
        if path.is_file() and path.suffix in (".py", ".toml", ".yaml", ".yml", ".json", "")
    ]
    assert [path.name for path in files if VERSION in path.read_text()] == ["version.py"]
