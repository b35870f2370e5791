"""safetensors headers: offsets of tensors, and refusal of malformed files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from app.checkpoint.errors import StartupError
from app.checkpoint.safetensors_index import INDEX, read_header, read_index
from tests.harness.model_directory import write_header, write_model, write_shards

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def test_offsets_are_those_of_safetensors(tmp_path: Path) -> None:
    tensors = {
        "a": np.arange(6, dtype="float16").reshape(2, 3),
        "b": np.arange(4, dtype="float32"),
        "c": np.zeros((0, 4), "int64"),
        "d": np.array(7.0, "float64"),
    }
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    index = read_index(tmp_path)
    assert sorted(index) == sorted(tensors)
    with safe_open(tmp_path / "model.safetensors", "np") as theirs:
        raw = (tmp_path / "model.safetensors").read_bytes()
        for name, tensor in tensors.items():
            info = index[name]
            assert raw[info.begin : info.end] == theirs.get_tensor(name).tobytes()
            assert info.shape == tensor.shape
            assert info.end - info.begin == tensor.nbytes


def test_shards_make_one_index(tmp_path: Path) -> None:
    single = read_index(write_model(tmp_path / "single"))
    shards = read_index(write_shards(tmp_path / "shards"))
    assert sorted(single) == sorted(shards)
    assert len({shards[name].file for name in shards}) == 2


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        (b"{", b"", "valid JSON"),
        ([], b"", "list"),
        ({"a": 1}, b"", "malformed"),
        ({"a": {"dtype": "F32", "shape": [2]}}, b"", "malformed"),
        ({"a": ENTRY | {"shape": [-2]}}, b"\0" * 8, "malformed"),
        ({"a": ENTRY | {"shape": [2.0]}}, b"\0" * 8, "malformed"),
        ({"a": ENTRY | {"shape": [True, 2]}}, b"\0" * 8, "malformed"),
        ({"a": ENTRY | {"shape": None}}, b"\0" * 8, "malformed"),
        ({"a": ENTRY | {"data_offsets": [0, 8, 9]}}, b"\0" * 8, "malformed"),
        ({"a": ENTRY | {"data_offsets": [8, 0]}}, b"\0" * 8, "bytes"),
        ({"a": ENTRY | {"dtype": "F33"}}, b"\0" * 8, "F33"),
        ({"a": ENTRY | {"dtype": ["F32"]}}, b"\0" * 8, "dtype"),
        ({"a": ENTRY | {"shape": [3]}}, b"\0" * 8, "needs 12"),
        ({"a": ENTRY | {"shape": [2**62, 2**62]}}, b"\0" * 8, "needs"),
        ({"a": ENTRY}, b"\0" * 7, "truncated"),
        ({"a": ENTRY}, b"\0" * 9, "1 bytes after"),
        ({"a": ENTRY | {"data_offsets": [4, 12]}}, b"\0" * 12, "gap"),
        ({"a": ENTRY, "b": ENTRY}, b"\0" * 8, "overlaps"),
    ],
)
def test_refuses_headers(tmp_path: Path, header: object, data: bytes, words: str) -> None:
    path = write_header(tmp_path / "model.safetensors", header, data)
    with pytest.raises(StartupError, match=words) as caught:
        read_index(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "truncated"),
        (b"\1\0\0", "truncated"),
        (b"\xff" * 8, "not a safetensors file"),
        (b"\x10" + b"\0" * 7 + b"{}", "ends inside its header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    ],
)
def test_refuses_files(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(raw)
    with pytest.raises(StartupError, match=words):
        read_index(tmp_path)


def test_refuses_a_directory_without_weights(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="holds no weights"):
        read_index(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "x.pth"])
def test_refuses_pickles_unread(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (canary,)

    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(StartupError, match=r"pickles run code.*--allow_pickle"):
        read_index(tmp_path)
    assert len(read_index(tmp_path, allow_pickle=True)) == 0
    assert not canary.exists()


def test_refuses_a_missing_shard(tmp_path: Path) -> None:
    write_shards(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(StartupError, match=r"model-00002-of-00002.safetensors is missing"):
        read_index(tmp_path)


@pytest.mark.parametrize("file", ["../model.safetensors", "/etc/passwd", 3, ""])
def test_refuses_shards_elsewhere(tmp_path: Path, file: object) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": file}}))
    with pytest.raises(StartupError, match="not a file name"):
        read_index(tmp_path)


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": []}])
def test_refuses_an_index_without_a_map(tmp_path: Path, index: object) -> None:
    (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(StartupError, match="weight_map"):
        read_index(tmp_path)


def test_refuses_a_tensor_that_is_not_in_its_shard(tmp_path: Path) -> None:
    write_header(tmp_path / "s.safetensors", {"a": ENTRY}, b"\0" * 8)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"b": "s.safetensors"}}))
    with pytest.raises(StartupError, match="lacks 'b'"):
        read_index(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, framed: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    if framed:
        write_header(path, raw)
    else:
        path.write_bytes(raw)
    try:
        read_header(path)
    except StartupError as error:
        assert "any.safetensors" in str(error)
