"""What is told about a GGUF file: `--check`, the model's name and its fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind

from app.checkpoint.check import check_without_memory
from app.checkpoint.fingerprint import fingerprint
from app.server.startup import run_check
from config import EMBEDDED_MODEL, Config, served_name
from tests.harness.gguf_model import random_tensors, sentencepiece_vocabulary, write_gguf
from tests.harness.model_directory import PIECES, config_json

SHAPE: dict[str, Any] = {"vocab_size": PIECES, "intermediate_size": 64}
VOCABULARY = sentencepiece_vocabulary((Path(EMBEDDED_MODEL) / "tokenizer.model").read_bytes())


def mixed(name: str) -> Kind:
    return Kind.Q8_0 if "mlp" in name else Kind.Q4_0


def write(path: Path, template: str = "{{ messages[0].content }}", seed: int = 0) -> Path:
    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_chat_template(template)

    tensors = random_tensors(config_json(**SHAPE), mixed, seed)
    return write_gguf(path, tensors, VOCABULARY, describe, **SHAPE)


def test_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "tiny.Q4_0.gguf")
    run_check(Config(BASE_MODEL=str(path), ONLY_CPU=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"base model     {path}"
    assert lines[1].strip() == "llama, 2 layers, width 32, 0 M parameters, GGUF: Q4_0 97%, Q8_0 3%"
    assert f"vocabulary     base model {PIECES}, tokenizer {PIECES}, result {PIECES}" in lines
    assert f"tokenizer      GGUF vocabulary in {path}" in lines
    assert "chat template  the tokenizer's own" in lines
    assert any(line.endswith("available") for line in lines)


def fingerprint_of(path: Path, **settings: Any) -> str:
    config = Config(BASE_MODEL=str(path), ONLY_CPU=True, **settings)
    return fingerprint(config, check_without_memory(config)).split("-")[2]


def test_the_fingerprint(tmp_path: Path) -> None:
    """It depends on metadata, weights, and on whether they are rounded; not on the place."""
    first = fingerprint_of(write(tmp_path / "a.gguf"))
    (tmp_path / "other").mkdir()
    assert fingerprint_of(write(tmp_path / "other" / "a.gguf")) == first
    assert fingerprint_of(write(tmp_path / "a.gguf", template="{{ messages }}")) != first
    assert fingerprint_of(write(tmp_path / "a.gguf", seed=1)) != first
    path = write(tmp_path / "a.gguf")
    rounded = {fingerprint_of(path, DTYPE=dtype) for dtype in ("float16", "bfloat16", "float32")}
    assert len(rounded) == 3 and first in rounded


def test_the_name(tmp_path: Path) -> None:
    for name in ("llama.Q4_K_M.gguf", "llama.Q4_K_M-00001-of-00012.gguf", "llama.Q4_K_M.GGUF"):
        assert served_name(str(tmp_path / name)) == "llama.Q4_K_M"


def test_a_tokenizer_from_another_file(tmp_path: Path) -> None:
    """--tokenizer_path may be a GGUF file, of a directory's model, too."""
    path = write(tmp_path / "a.gguf")
    config = Config(BASE_MODEL=EMBEDDED_MODEL, TOKENIZER_PATH=str(path), ONLY_CPU=True)
    assert check_without_memory(config).tokenizer_directory == path


def test_weights_beyond_the_vocabulary_are_counted(tmp_path: Path) -> None:
    """Rows that pad the embedding, which no token has."""
    shape = SHAPE | {"vocab_size": PIECES + 30}
    tensors = random_tensors(config_json(**shape), lambda name: Kind.F16)
    path = write_gguf(tmp_path / "a.gguf", tensors, VOCABULARY, **shape)
    vocabulary = check_without_memory(Config(BASE_MODEL=str(path), ONLY_CPU=True)).vocabulary
    assert (vocabulary.base, np.array(vocabulary.untrained).size) == (PIECES + 30, 0)
