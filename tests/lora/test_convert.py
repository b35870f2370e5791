"""`python wsgi.py convert IN OUT`: safetensors with the same bits as the pickles."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from app.checkpoint.check import check_model
from app.checkpoint.errors import StartupError
from app.checkpoint.safetensors_index import read_index
from app.model.loading.convert import convert
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.harness.server import ROOT
from tests.lora.test_mismatches import Trap

Pickle = Callable[[Path, str, str], Path]


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.fixture
def pickled(tmp_path: Path) -> Pickle:
    """A copy of a directory with its weights as a pickle."""

    def make(directory: Path, name: str, new_name: str) -> Path:
        copy = shutil.copytree(directory, tmp_path / "in")
        torch.save(load_file(copy / name), copy / new_name)
        (copy / name).unlink()
        return copy

    return make


def test_a_base_model(base: Path, pickled: Pickle, tmp_path: Path) -> None:
    source = pickled(base, "model.safetensors", "pytorch_model.bin")
    command = [sys.executable, "wsgi.py", "convert", str(source), str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    written = tmp_path / "out" / "model.safetensors"
    assert ended.stdout == f"wrote {written}\n"
    assert_equal(load_file(written), load_file(base / "model.safetensors"))
    assert not check_model(Config(BASE_MODEL=str(written.parent)), read_vocab_size).pickled
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_an_adapter(base: Path, enlarged: Path, pickled: Pickle, tmp_path: Path) -> None:
    source = pickled(enlarged, "adapter_model.safetensors", "adapter_model.bin")
    (written,) = convert(source, tmp_path / "out")
    assert_equal(load_file(written), load_file(enlarged / "adapter_model.safetensors"))
    config = Config(BASE_MODEL=str(base), LORA_MODEL=(str(written.parent),))
    found = check_model(config, read_vocab_size)
    assert found.tokenizer_directory == written.parent
    assert not found.loras[0].pickled


def test_shards(base: Path, tmp_path: Path) -> None:
    source = shutil.copytree(base, tmp_path / "in")
    tensors = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for index, part in enumerate((names[:9], names[9:]), 1):
        file = f"pytorch_model-{index:05}-of-00002.bin"
        torch.save({name: tensors[name] for name in part}, source / file)
        weight_map |= dict.fromkeys(part, file)
    (source / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    written = convert(source, tmp_path / "out")
    assert [path.name for path in written] == [
        f"model-0000{index}-of-00002.safetensors" for index in (1, 2)
    ]
    found = load_file(written[0]) | load_file(written[1])
    assert_equal(found, tensors)
    assert len(read_index(tmp_path / "out")) == len(tensors)
    assert not (tmp_path / "out" / "pytorch_model.bin.index.json").exists()


def test_tensors_that_share_memory(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    matrix = torch.randn(6, 4)
    tensors = {"a": matrix, "b": matrix, "part": matrix[2:4], "transposed": matrix.T}
    torch.save(tensors, tmp_path / "in" / "pytorch_model.bin")
    (written,) = convert(tmp_path / "in", tmp_path / "out")
    assert_equal(load_file(written), tensors)


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    with pytest.raises(StartupError, match="is not a directory"):
        convert(source, target)
    source.mkdir()
    with pytest.raises(StartupError, match=r"contains neither pytorch_model\*"):
        convert(source, target)
    torch.save({"a": Trap()}, source / "pytorch_model.bin")
    with pytest.raises(StartupError, match=r"cannot read .*pytorch_model.bin"):
        convert(source, target)
    assert "gotcha" not in capsys.readouterr().out
    torch.save({"a": 1}, source / "pytorch_model.bin")
    with pytest.raises(StartupError, match="more than named tensors"):
        convert(source, target)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
