"""--cache_dir: the same logits with and without it, damage, its key, its bounds, its refusals."""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from app.checkpoint.cache_dir import check_cache_dir
from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.model.cpu_backend import decoder_for
from app.model.loading.load import load_weights
from app.model.runner import TorchRunner
from app.model.weight_cache.directory import KEPT, CacheDir
from app.model.weight_cache.key import weight_cache_key
from app.model.weight_cache.tensor_file import DamagedFileError, map_tensors, write_tensors
from app.model.weights import Weights
from config import Config
from tests.model.conftest import SaveModel

PRECISIONS: list[dict[str, Any]] = [{}, {"LOAD_IN_8BIT": True}, {"LOAD_IN_4BIT": True}]
NAMES = ["full", "8-bit", "4-bit"]


def no_report(done: int, total: int) -> None:
    """Progress that nobody sees."""


@pytest.fixture(scope="module")
def model(save_model: SaveModel) -> Path:
    directory = save_model("qwen2", "float16", hidden_size=128).directory
    (directory / "tokenizer.json").touch()
    return directory


@pytest.fixture
def log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """The app's warnings."""
    monkeypatch.setattr(logging.getLogger("app"), "propagate", True)
    caplog.set_level(logging.WARNING, "app")
    return caplog


def only_line(log: pytest.LogCaptureFixture) -> str:
    (line,) = log.messages
    assert "\n" not in line
    return line


def settings_of(model: Path, **settings: Any) -> Config:
    return Config(BASE_MODEL=str(model), ONLY_CPU=True, **settings)


@torch.inference_mode()
def load(config: Config) -> Weights:
    return load_weights(config, check_without_memory(config), no_report)


def logits(weights: Weights) -> Tensor:
    decoder, cache = decoder_for(weights, 2, 64)
    runner = TorchRunner(weights, cache, decoder, weights.config.vocab_size)
    chunk = PrefillChunk(0, 0, tuple(range(3, 23)), OutputKind.LOGITS)
    first = runner.run(Batch((), (chunk,))).logits
    second = runner.run(Batch((DecodeRow(0, 20, 9, True),), ())).logits
    return torch.cat([first, second])


def only_file(cache: Path) -> Path:
    (path,) = cache.iterdir()
    return path


@pytest.mark.parametrize("precision", PRECISIONS, ids=NAMES)
def test_the_same_logits_with_and_without_it(
    model: Path, tmp_path: Path, precision: dict[str, Any], log: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "new" / "cache"
    without = logits(load(settings_of(model, **precision)))
    config = settings_of(model, CACHE_DIR=str(cache), **precision)
    first, second = load(config), load(config)
    assert (first.mapped, second.mapped) == (False, True)
    assert torch.equal(logits(first), without)
    assert torch.equal(logits(second), without)
    assert first.config == second.config and first.nbytes == second.nbytes
    assert cache.stat().st_mode & 0o777 == 0o700
    assert only_file(cache).stat().st_mode & 0o777 == 0o600
    assert log.messages == []


def test_processes_share_its_pages(model: Path, tmp_path: Path) -> None:
    config = settings_of(model, CACHE_DIR=str(tmp_path), LOAD_IN_4BIT=True)
    load(config)
    weights = load(config)
    logits(weights)
    smaps = Path("/proc/self/smaps").read_text()
    mapping = smaps.partition(str(only_file(tmp_path)))[2].partition("VmFlags")[0]
    kilobytes = {line.split(":")[0]: line.split()[1] for line in mapping.splitlines()[1:]}
    assert int(kilobytes["Rss"]) * 1024 > weights.nbytes / 2
    assert kilobytes["Anonymous"] == "0"


def damaged(path: Path, where: str) -> None:
    """Change a file as `where` says."""
    raw = bytearray(path.read_bytes())
    header = 8 + struct.unpack("<Q", raw[:8])[0]
    if where == "truncated":
        del raw[-100:]
    elif where == "empty":
        raw.clear()
    elif where == "longer":
        raw += bytes(64)
    elif where == "of another program":
        save_file({"norm": torch.zeros(3)}, path)
        return
    else:
        place = {
            "length": 0, "header": header // 2, "description": raw.index(b"facts") + 20,
            "first value": header, "middle": (header + len(raw)) // 2, "last value": len(raw) - 1,
        }[where]  # fmt: skip
        raw[place] ^= 1
    path.write_bytes(raw)


DAMAGES = ["truncated", "empty", "longer", "of another program", "length", "header", "description"]
DAMAGES += ["first value", "middle", "last value"]


@pytest.mark.parametrize("where", DAMAGES)
def test_damage_is_found(tmp_path: Path, where: str) -> None:
    path = tmp_path / "file"
    write_tensors(path, {"a": torch.randn(9, 70), "b": torch.ones(20)}, {"kind": "x"})
    map_tensors(path, no_report)
    damaged(path, where)
    with pytest.raises(DamagedFileError):
        map_tensors(path, no_report)


@pytest.mark.parametrize("where", ["truncated", "middle"])
def test_a_damaged_file_is_written_again(
    model: Path, tmp_path: Path, where: str, log: pytest.LogCaptureFixture
) -> None:
    config = settings_of(model, CACHE_DIR=str(tmp_path), LOAD_IN_4BIT=True)
    expected = logits(load(config))
    damaged(only_file(tmp_path), where)
    again = load(config)
    assert "is damaged" in only_line(log)
    assert not again.mapped and torch.equal(logits(again), expected)
    third = load(config)
    assert third.mapped and torch.equal(logits(third), expected)


def test_a_flipped_bit_is_found_in_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    write_tensors(path, {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2)}, {"kind": "x"})
    whole = path.read_bytes()
    map_tensors(path, no_report)
    for place in range(len(whole)):
        raw = bytearray(whole)
        raw[place] ^= 1 << place % 8
        path.write_bytes(raw)
        with pytest.raises(DamagedFileError):
            map_tensors(path, no_report)


def test_the_key_has_all_that_decides_the_weights(model: Path, tmp_path: Path) -> None:
    def key(directory: Path = model, **settings: Any) -> str:
        config = settings_of(directory, **settings)
        return weight_cache_key(config, check_without_memory(config))

    keys = [key(), *(key(**precision) for precision in PRECISIONS[1:])]
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    assert key(copy) == keys[0]  # the same files in another place
    weights = copy / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1))
    keys.append(key(copy))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    keys.append(key(copy))
    assert len(set(keys)) == len(keys)
    assert key(ALPHA=2.0, MAX_MODEL_LEN=64, CHAT_TEMPLATE="chatml") == keys[0]


@pytest.mark.parametrize("problem", ["full disk", "no place for a directory", "taken name"])
def test_a_start_without_the_cache(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
    problem: str,
) -> None:
    config = settings_of(model, CACHE_DIR=str(tmp_path))
    if problem == "full disk":
        usage = shutil.disk_usage(tmp_path)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    elif problem == "no place for a directory":
        config = settings_of(model, CACHE_DIR="/proc/westlake")
    else:
        key = weight_cache_key(config, check_without_memory(config))
        (CacheDir(tmp_path).file(key) / "directory").mkdir(parents=True)
    assert not load(config).mapped
    assert "keeps no packed weights" in only_line(log)
    assert not list(tmp_path.glob("*.partial"))


def test_the_files_used_last_are_kept(tmp_path: Path) -> None:
    cache, now = CacheDir(tmp_path), tmp_path.stat().st_mtime
    for number in range(KEPT):
        with cache.new_file(f"{number}", 1) as path:
            path.write_text("x")
        os.utime(cache.file(f"{number}"), (now, now - 100 + number))
    abandoned, written = tmp_path / "a.partial", tmp_path / "b.partial"
    for path, age in ((abandoned, 4000), (written, 10)):
        path.touch()
        os.utime(path, (now, now - age))
    (tmp_path / "notes.txt").touch()
    assert cache.find("0") is not None  # now used after the others
    with cache.new_file("new", 1) as path:
        path.write_text("x")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{n}.safetensors" for n in (0, 2, 3, "new")} | {"notes.txt", "b.partial"}


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError), CacheDir(tmp_path).new_file("key", 1) as path:
        path.write_text("x")
        raise ValueError
    assert not list(tmp_path.iterdir())


def test_servers_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(50_000.0), "b": torch.ones(9)}

    def start(number: int) -> Tensor:
        cache = CacheDir(tmp_path)
        if (path := cache.find("key")) is None:
            with cache.new_file("key", 1) as path:
                write_tensors(path, tensors, {})
            path = cache.file("key")
        return map_tensors(path, no_report)[0]["a"]

    with ThreadPoolExecutor(8) as pool:
        assert all(torch.equal(found, tensors["a"]) for found in pool.map(start, range(40)))
    assert len(list(tmp_path.iterdir())) == 1


def test_files_that_others_could_write_are_not_read(tmp_path: Path) -> None:
    cache = CacheDir(tmp_path)
    with cache.new_file("key", 1) as path:
        path.write_text("x")
    assert cache.find("key")
    cache.file("key").chmod(0o620)
    assert cache.find("key") is None
    cache.file("link").symlink_to(cache.file("key"))
    assert cache.find("link") is None


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o720])
def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(StartupError, match="can be written by other users"):
        check_cache_dir(tmp_path)
    tmp_path.chmod(0o755)
    check_cache_dir(tmp_path)
    check_cache_dir(tmp_path / "new")


def test_a_file_is_no_cache_directory(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(StartupError, match="--cache_dir"):
            check_without_memory(settings_of(model, CACHE_DIR=str(path)))
