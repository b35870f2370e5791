"""Check of a whole model directory; a mismatch is refused with one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.checkpoint import check
from app.checkpoint.check import check_model
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware import gpu_selection
from app.checkpoint.hardware.gpus import Gpus
from config import EMBEDDED_MODEL, Config
from tests.harness.model_directory import weights, write_model
from tests.harness.waiting import cpu_limit

Tensors = dict[str, np.ndarray]
Q = "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_selection, "find_gpus", lambda: Gpus((), False))


def checked(directory: Path, change: Callable[[Tensors], object]) -> check.CheckedModel:
    """Check `directory` after a change to its tensors."""
    tensors = weights(directory)
    change(tensors)
    save_file(tensors, directory / "model.safetensors")
    return check_model(Config(BASE_MODEL=str(directory)))


def test_the_embedded_model_passes() -> None:
    model = check_model(Config())
    assert model.gpu is None
    assert not model.pickled
    assert model.directory == model.tokenizer_directory == Path(EMBEDDED_MODEL)
    stored = weights(Path(EMBEDDED_MODEL)).values()
    assert model.parameters == sum(tensor.size for tensor in stored)


def test_it_is_fast_and_imports_no_torch(tmp_path: Path) -> None:
    write_model(tmp_path, num_hidden_layers=80)
    with cpu_limit(1.0):
        check_model(Config(BASE_MODEL=str(tmp_path)))
    code = (
        "import sys; from config import Config; from app.checkpoint.check import check_model;"
        "check_model(Config(BASE_MODEL=sys.argv[1]));"
        "heavy = {'torch', 'transformers', 'numpy', 'huggingface_hub', 'flask'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_padded_rows_and_unused_tensors_pass(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> None:
        tensors["model.embed_tokens.weight"] = np.zeros((70, 32), "float16")
        tensors["lm_head.weight"] = np.zeros((72, 32), "float16")
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.zeros(4, "float32")
        tensors["v_head.summary.weight"] = np.zeros(4, "float32")

    assert len(checked(write_model(tmp_path), change).tensors) == 23


def test_a_tied_head_may_be_stored(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> None:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]

    checked(write_model(tmp_path, tie_word_embeddings=True), change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(Q), f"lacks the tensor '{Q}'"),
        (lambda t: t.pop("lm_head.weight"), "lacks the tensor 'lm_head.weight'"),
        (lambda t: t.update({Q: np.zeros((32, 31), "float16")}), r"\[32, 31\].*\[32, 32\]"),
        (lambda t: t.update({Q: np.zeros(1024, "float16")}), r"\[1024\].*\[32, 32\]"),
        (lambda t: t.update({Q: np.zeros((32, 32), "int8")}), "is I8"),
        (
            lambda t: t.update({"model.embed_tokens.weight": np.zeros((63, 32), "float16")}),
            r"embed_tokens.*\[63, 32\].*\[64, 32\]",
        ),
        (
            lambda t: t.update({"model.layers.2.mlp.up_proj.weight": np.zeros(1, "float16")}),
            "layers.2.*2-layer llama model does not have",
        ),
        (
            lambda t: t.update({Q.replace("weight", "bias"): np.zeros(32, "float16")}),
            "q_proj.bias.*does not have",
        ),
    ],
)
def test_refuses_other_tensors(
    tmp_path: Path, change: Callable[[Tensors], object], words: str
) -> None:
    with pytest.raises(StartupError, match=words) as caught:
        checked(write_model(tmp_path), change)
    assert "\n" not in str(caught.value)


def test_a_config_without_dtype_has_the_embeddings_dtype(tmp_path: Path) -> None:
    write_model(tmp_path, torch_dtype=...)
    assert check_model(Config(BASE_MODEL=str(tmp_path))).model.dtype == "float16"


def test_refuses_a_directory_without_tokenizer(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "tokenizer.model").unlink()
    with pytest.raises(StartupError, match=r"no tokenizer.*--tokenizer_path"):
        check_model(Config(BASE_MODEL=str(tmp_path)))
    model = check_model(Config(BASE_MODEL=str(tmp_path), TOKENIZER_PATH=EMBEDDED_MODEL))
    assert model.tokenizer_directory == Path(EMBEDDED_MODEL)


def test_refuses_a_tokenizer_with_code(tmp_path: Path) -> None:
    write_model(tmp_path)
    settings = {"auto_map": {"AutoTokenizer": ["x.Y", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(StartupError, match="auto_map"):
        check_model(Config(BASE_MODEL=str(tmp_path)))


def test_refuses_a_longer_context_than_the_model_has(tmp_path: Path) -> None:
    write_model(tmp_path)
    with pytest.raises(StartupError, match=r"--max_model_len is 257.*256"):
        check_model(Config(BASE_MODEL=str(tmp_path), MAX_MODEL_LEN=257))


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("./nowhere", "no such directory"),
        ("/nowhere/at/all", "no such directory"),
        ("nowhere", "no such directory"),
        (__file__, "which is a file"),
    ],
)
def test_refuses_a_base_model_that_is_not_a_directory(base: str, words: str) -> None:
    with pytest.raises(StartupError, match=words):
        check_model(Config(BASE_MODEL=base))


@pytest.mark.parametrize("name", ["llama.Q4_K_M.gguf", "LLAMA.GGUF"])
def test_gguf_files_are_named_in_the_error(tmp_path: Path, name: str) -> None:
    """A broken file, and a directory that contains only the file, as after a download."""
    (tmp_path / name).write_bytes(b"GGUF\3\0\0\0")
    (tmp_path / "README.md").write_text("a model")
    with pytest.raises(StartupError, match=f"holds GGUF files: pass one of them, .*{name}"):
        check_model(Config(BASE_MODEL=str(tmp_path)))
    with pytest.raises(StartupError, match=f"{name} is truncated"):
        check_model(Config(BASE_MODEL=str(tmp_path / name)))


def test_a_hub_name_without_a_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(StartupError, match="no such directory, and the Hub") as caught:
        check_model(Config(BASE_MODEL="nobody/nothing-of-this-name"))
    assert "\n" not in str(caught.value)


GIB = 2**30


@pytest.mark.parametrize(
    ("config", "gpus", "chosen"),
    [
        ({}, Gpus((GIB,), True), 0),
        ({}, Gpus((GIB,), False), None),
        ({}, Gpus((), True), None),
        ({"ONLY_CPU": True}, Gpus((GIB,), True), None),
        ({"GPUS": (1,)}, Gpus((GIB, GIB), True), 1),
        ({"BASE_MODEL": EMBEDDED_MODEL}, Gpus((GIB,), True), None),
        ({"BASE_MODEL": EMBEDDED_MODEL, "GPUS": (0,)}, Gpus((GIB,), True), 0),
    ],
)
def test_gpu_selection(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, object],
    gpus: Gpus,
    chosen: int | None,
) -> None:
    monkeypatch.setattr(gpu_selection, "find_gpus", lambda: gpus)
    values = {"BASE_MODEL": str(write_model(tmp_path)), **config}
    assert check_model(Config(**values)).gpu == chosen


@pytest.mark.parametrize(
    ("gpus", "words"),
    [
        (Gpus((), True), "--gpus is 1, but no GPU is here"),
        (Gpus((GIB,), True), "GPUs 0 to 0 are here"),
        (Gpus((GIB, GIB), False), "built for CPUs only"),
        (Gpus((GIB, 10**8), True), "GB of GPU 1 memory"),
    ],
)
def test_refuses_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: Gpus, words: str
) -> None:
    monkeypatch.setattr(gpu_selection, "find_gpus", lambda: gpus)
    with pytest.raises(StartupError, match=words):
        check_model(Config(BASE_MODEL=str(write_model(tmp_path)), GPUS=(1,)))


def test_refuses_16_bits_on_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="--dtype bfloat16 needs a GPU"):
        check_model(Config(BASE_MODEL=str(write_model(tmp_path)), DTYPE="bfloat16"))
