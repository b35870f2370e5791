"""Damaged GGUF files are refused early, with one line, in little memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from app.prompts.template_selection import check_tokenizer_template
from app.tokenizer.tokenizer import load_tokenizer
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.checkpoint import hostile_gguf
from tests.checkpoint.hostile_gguf import CASES, Damage, Raw, valid
from tests.checkpoint.one_line_refusal import assert_refused_with_one_line


def check(path: Path) -> None:
    """All that is checked before torch is imported, in this process."""
    checked = check_without_memory(Config(BASE_MODEL=str(path), ONLY_CPU=True), read_vocab_size)
    check_tokenizer_template(load_tokenizer(path), checked.tokenizer_directory)


def damaged(path: Path, damage: Damage) -> Path:
    raw = valid()
    damage(raw)
    return raw.write(path)


def test_a_valid_file_passes(tmp_path: Path) -> None:
    check(valid().write(tmp_path / "model.gguf"))


@pytest.mark.parametrize(("name", "damage", "words"), CASES, ids=[case[0] for case in CASES])
def test_refused_with_one_line_in_little_memory(
    tmp_path: Path, name: str, damage: Damage, words: str
) -> None:
    path = damaged(tmp_path / "model.gguf", damage)
    assert_refused_with_one_line(lambda: check(path), words)


@pytest.mark.parametrize("size", [0, 3, 7, 23, 30, 200, 1500, 2500, 4000])
def test_files_that_are_cut_off(tmp_path: Path, size: int) -> None:
    path = valid().write(tmp_path / "model.gguf")
    hostile_gguf.cut(size)(path)
    with pytest.raises(StartupError, match=r"not a GGUF file|truncated"):
        check(path)


def test_other_files_are_not_taken_for_gguf(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\x80\2}q\0.")
    with pytest.raises(StartupError, match="which is a file; pass the directory"):
        check(tmp_path / "model.bin")


def test_a_file_without_the_ending_is_read(tmp_path: Path) -> None:
    check(valid().write(tmp_path / "model"))


def test_a_lora_cannot_be_a_gguf_file(tmp_path: Path) -> None:
    path = valid().write(tmp_path / "model.gguf")
    config = Config(BASE_MODEL=str(path), LORA_MODEL=(str(path),), ONLY_CPU=True)
    with pytest.raises(StartupError, match="read as --base_model or --tokenizer_path only"):
        check_without_memory(config, read_vocab_size)


def split(directory: Path, count: int = 3) -> list[Path]:
    """A model in parts, as llama.cpp's gguf-split writes them."""
    whole, paths = valid(), []
    for index in range(count):
        part = Raw(dict(whole.keys) if not index else {}, whole.tensors[index::count])
        part.number("split.no", index)
        part.number("split.count", count)
        part.number("split.tensors.count", len(whole.tensors), hostile_gguf.I32)
        paths.append(part.write(directory / f"llama-{index + 1:05}-of-{count:05}.gguf"))
    return paths


def test_parts_are_found(tmp_path: Path) -> None:
    paths = split(tmp_path)
    check(paths[0])
    config = Config(BASE_MODEL=str(paths[0]))
    assert config.MODEL_NAME == "llama"
    with pytest.raises(StartupError, match="not the first part of its model: pass llama-00001-of"):
        check(paths[1])
    paths[2].rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(StartupError, match=r"llama-00003-of-00003.gguf is missing"):
        check(paths[0])
    shutil.copy(paths[1], paths[2])
    with pytest.raises(StartupError, match="is not part 3 of 3"):
        check(paths[0])
