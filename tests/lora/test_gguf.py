"""GGUF base models: written as directories, and with LoRAs merged in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from app.checkpoint.fingerprint import fingerprint
from app.checkpoint.gguf import gguf_file
from app.checkpoint.gguf.header import GgufHeader
from app.engine.batch import Batch, OutputKind, PrefillChunk
from app.model.loading import plain_directory
from app.model.loading.convert import convert
from app.model.loading.load import load_runner
from app.tokenizer.tokenizer import load_tokenizer
from app.tokenizer.vocab_size import read_vocab_size
from config import EMBEDDED_MODEL, Config
from tests.harness.gguf_model import (
    dequantized,
    random_tensors,
    sentencepiece_vocabulary,
    write_gguf,
)
from tests.harness.model_directory import PIECES, config_json
from tests.harness.server import ROOT
from tests.harness.varied_texts import varied_texts
from tests.lora.adapters import trained

SHAPE: dict[str, Any] = {
    "vocab_size": PIECES,
    "hidden_size": 64,
    "intermediate_size": 96,
    "rms_norm_eps": 1e-5,
    "head_dim": 16,
    "attention_bias": True,
}
VOCABULARY = sentencepiece_vocabulary((Path(EMBEDDED_MODEL) / "tokenizer.model").read_bytes())
TOKENS = tuple(range(3, 30))


def mixed(name: str) -> Kind:
    return Kind.F16 if "down_proj" in name else Kind.Q8_0 if "self_attn" in name else Kind.Q5_1


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = random_tensors(config_json(**SHAPE), mixed)
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", tensors, VOCABULARY, **SHAPE)


@pytest.fixture(scope="module")
def converted(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("converted") / "out"
    convert(file, target)
    return target


def logits(base: Path, lora: Path | None = None, **settings: Any) -> Tensor:
    loras = () if lora is None else (str(lora),)
    config = Config(
        BASE_MODEL=str(base), LORA_MODEL=loras, ONLY_CPU=True, KV_CACHE_MB=16, **settings
    )
    runner, _ = load_runner(config, check_without_memory(config), PIECES)
    return runner.run(Batch((), (PrefillChunk(0, 0, TOKENS, OutputKind.LOGITS),))).logits[0]


def test_the_header_is_parsed_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By all that a start reads of the file."""
    parsed: list[Path] = []
    read_header = gguf_file.read_header

    def counted(path: Path) -> GgufHeader:
        parsed.append(path)
        return read_header(path)

    monkeypatch.setattr(gguf_file, "read_header", counted)
    config = Config(BASE_MODEL=str(file), ONLY_CPU=True, KV_CACHE_MB=16)
    checked = check_without_memory(config, read_vocab_size)
    assert load_tokenizer(checked.tokenizer_source).vocab_size == checked.vocabulary.tokens
    assert fingerprint(config, checked) and parsed == [file]


def test_the_command(file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "wsgi.py", "convert", str(file), str(tmp_path / "out")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"wrote {tmp_path / 'out' / 'model.safetensors'}\n"
    with pytest.raises(StartupError, match="exists already"):
        convert(file, tmp_path / "out")


def test_weights_are_those_of_the_package(converted: Path) -> None:
    expected = dequantized(random_tensors(config_json(**SHAPE), mixed))
    found = load_file(converted / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert np.array_equal(tensor.float().numpy(), expected[name]), name
        exact = torch.float16 if "down_proj.weight" in name else torch.float32
        assert tensor.dtype == exact, name


def test_logits_have_the_same_bits(file: Path, converted: Path) -> None:
    assert logits(file).equal(logits(converted))


def test_transformers_reads_the_directory(file: Path, converted: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(converted, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = model(torch.tensor([TOKENS])).logits[0, -1]
    assert (logits(file) - expected).abs().max() < 1e-4


def test_the_tokenizer(file: Path, converted: Path) -> None:
    ours, theirs = load_tokenizer(file), load_tokenizer(converted)
    for text in varied_texts(150):
        assert ours.encode(text) == theirs.encode(text)
        assert ours.encode(text, allow_special=True) == theirs.encode(text, allow_special=True)
    for name in ("special_texts", "token_bytes", "eos_ids", "bos_id", "named_tokens"):
        assert getattr(ours, name) == getattr(theirs, name), name


def test_shards(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_directory, "_SHARD_BYTES", 2_000_000)
    written = convert(file, tmp_path / "out")
    assert len(written) > 1
    assert logits(tmp_path / "out").equal(logits(file))


def test_broken_files_leave_nothing(file: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StartupError, match="truncated"):
        convert(short, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["short.gguf"]


@pytest.fixture(scope="module")
def lora(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = AutoModelForCausalLM.from_pretrained(converted, dtype=torch.float32)
    return trained(
        model, tmp_path_factory.mktemp("lora"), seed=1, target_modules=["q_proj", "up_proj"]
    )


@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_lora_merges_as_into_the_directory(
    file: Path, converted: Path, lora: Path, eight_bit: bool
) -> None:
    """In 8 bits, too: up_proj is not stored in 8 bits, and q_proj is no longer after the merge."""
    found = logits(file, lora, LOAD_IN_8BIT=eight_bit)
    assert not found.equal(logits(file, LOAD_IN_8BIT=eight_bit))
    expected = logits(converted, lora, LOAD_IN_8BIT=eight_bit)
    if eight_bit:
        assert (found - expected).abs().max() < 0.1 * expected.abs().max()
    else:
        assert found.equal(expected)


def test_loras_that_only_peft_merges(file: Path, converted: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(converted, dtype=torch.float32)
    dora = trained(model, tmp_path / "dora", seed=1, use_dora=True)
    config = Config(BASE_MODEL=str(file), LORA_MODEL=(str(dora),), ONLY_CPU=True)
    with pytest.raises(
        StartupError, match=r"use_dora.*cannot be merged into GGUF weights.*convert"
    ):
        check_without_memory(config)
