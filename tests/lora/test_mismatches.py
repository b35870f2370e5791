"""Files that do not match are one line of error that says what to pass, before weights load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from app.checkpoint.check import CheckedModel, check_model
from app.checkpoint.errors import StartupError
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.harness.server import ROOT
from tests.lora.adapters import LARGE, SMALL, write_tokenizer

Tensors = dict[str, np.ndarray]
PREFIX = "base_model.model.model.layers."
Q = PREFIX + "1.self_attn.q_proj.lora_A.weight"
FILE = "adapter_model.safetensors"


@pytest.fixture
def lora(enlarged: Path, tmp_path: Path) -> Path:
    """A copy of `enlarged` to damage."""
    return shutil.copytree(enlarged, tmp_path / "lora")


def change(directory: Path, damage: Callable[[Tensors], object]) -> None:
    tensors = load_file(directory / FILE)
    damage(tensors)
    save_file(tensors, directory / FILE)


def set_config(directory: Path, **values: Any) -> None:
    path = directory / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def start(base: Path, *loras: Path, **settings: Any) -> CheckedModel:
    names = tuple(map(str, loras))
    config = Config(BASE_MODEL=str(base), LORA_MODEL=names, ONLY_CPU=True, **settings)
    return check_model(config, read_vocab_size)


def all_of(tensors: Tensors, ending: str) -> list[str]:
    return [name for name in tensors if name.endswith(ending)]


def drop_module(tensors: Tensors) -> None:
    for name in all_of(tensors, "k_proj.lora_A.weight") + all_of(tensors, "k_proj.lora_B.weight"):
        del tensors[name]


def drop_embeddings(tensors: Tensors) -> None:
    for name in [name for name in tensors if "embed_tokens" in name]:
        del tensors[name]


def shorten(tensors: Tensors, rows: int, *modules: str) -> None:
    for name in tensors:
        if any(module in name for module in modules) and "lora" not in name:
            tensors[name] = np.ascontiguousarray(tensors[name][:rows])


def widen(tensors: Tensors) -> None:
    for name in all_of(tensors, "lora_A.weight"):
        tensors[name] = np.zeros((4, 2 * tensors[name].shape[1]), "float32")


FILES: list[tuple[Callable[[Tensors], object], str]] = [
    (lambda t: t.update({Q: t[Q][:2].copy()}), "says rank 4: one of the two is another LoRA's"),
    (widen, r"shape \[4, 352\], the base model needs \[4, 176\].*pass that as --base_model"),
    (lambda t: t.pop(Q), "has lora_B of 'model.layers.1.self_attn.q_proj', but lacks its lora_A"),
    (drop_module, "lacks lora_A and lora_B of 'model.layers.0.self_attn.k_proj'"),
    (lambda t: t.update({Q.replace(".1.", ".2."): t[Q]}), "of 2 layers, has no 'model.layers.2"),
    (lambda t: t.update({"base_model.model.v_head.weight": t[Q]}), "has no 'v_head.weight'"),
    (lambda t: t.update({Q: t[Q].astype("int8")}), "is I8"),
    (lambda t: t.update({Q.replace("lora_A.weight", "lora_magnitude_vector"): t[Q]}),
     "of a kind of adapter that adapter_config.json beside it does not name"),
    (drop_embeddings, "lacks 'model.embed_tokens', which modules_to_save"),
    (lambda t: shorten(t, SMALL - 8, "embed_tokens", "lm_head"),
     "has 292 rows, but the vocabulary of the model it is applied to has 300.*--base_model"),
    (lambda t: shorten(t, LARGE - 8, "lm_head"), "embed_tokens has 340 rows and its lm_head 332"),
    (lambda t: shorten(t, LARGE - 8, "lm_head", "embed_tokens"),
     r"has 340 tokens, but base model and LoRA trained only 332.*--tokenizer_path"),
    (lambda t: t.clear(), "without any tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), FILES, ids=[words for _, words in FILES])
def test_files(base: Path, lora: Path, damage: Callable[[Tensors], object], words: str) -> None:
    start(base, lora)
    change(lora, damage)
    with pytest.raises(StartupError, match=words) as caught:
        start(base, lora)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "magnitudes", "words"),
    [
        ({"use_dora": True}, 0, "lacks lora_magnitude_vector of 'model.layers.0.mlp.down_proj'"),
        ({"use_dora": True}, 3, "lacks lora_magnitude_vector of 'model.layers"),
        # of another unusual kind: the key itself is no surprise then
        ({"init_lora_weights": "pissa"}, 3, "use_dora or target_modules in adapter_config.json"),
        ({"use_dora": True}, 99, None),
    ],
)
def test_magnitudes(
    base: Path, lora: Path, values: dict[str, Any], magnitudes: int, words: str | None
) -> None:
    """peft takes the base model's for those that are missing, and leaves out the others."""

    def add(tensors: Tensors) -> None:
        for name in all_of(tensors, "lora_B.weight")[:magnitudes]:
            rows = tensors[name].shape[0]
            key = name.replace("lora_B.weight", "lora_magnitude_vector")
            tensors[key] = np.ones(rows, "float32")

    change(lora, add)
    set_config(lora, **values)
    if words is None:
        start(base, lora)
        return
    with pytest.raises(StartupError, match=words) as caught:
        start(base, lora)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"r": 8}, "says rank 8"),
        ({"rank_pattern": {"v_proj": 2}}, "says rank 2"),
        ({"target_modules": ["q_proj"]}, "does not mean 'model.layers.0.mlp.down_proj'"),
        ({"layers_to_transform": [0]}, "does not mean 'model.layers.1"),
        ({"modules_to_save": ["embed_tokens", "lm_head", "norm"]}, "lacks 'model.layers.0.input_"),
        ({"peft_type": "LOHA"}, "peft_type 'LOHA'"),
    ],
)
def test_settings(base: Path, lora: Path, values: dict[str, Any], words: str) -> None:
    set_config(lora, **values)
    with pytest.raises(StartupError, match=words):
        start(base, lora)


def test_a_target_the_model_lacks(base: Path, lora: Path) -> None:
    targets = json.loads((lora / "adapter_config.json").read_text())["target_modules"]
    set_config(lora, target_modules=[*targets, "query_key_value"])
    words = "targets 'query_key_value', which the base model does not have .*q_proj.*--base_model"
    with pytest.raises(StartupError, match=words):
        start(base, lora)


def test_missing_files(base: Path, lora: Path) -> None:
    (lora / FILE).rename(lora / "other")
    with pytest.raises(StartupError, match=f"holds no adapter: neither {FILE} nor"):
        start(base, lora)
    (lora / "adapter_config.json").unlink()
    with pytest.raises(StartupError, match=r"adapter_config.json is missing"):
        start(base, lora)
    with pytest.raises(StartupError, match="--lora_model is '/nowhere'"):
        start(base, Path("/nowhere"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lora_bias": True}, "lacks the bias of 'model.layers.0.mlp.down_proj', which lora_bias"),
        ({"trainable_token_indices": [5, 7]}, "lacks trainable_tokens_delta"),
        ({"trainable_token_indices": {"lm_head": [5]}}, "lacks trainable_tokens_delta"),
    ],
)
def test_what_the_settings_add_is_in_the_file(
    base: Path, lora: Path, values: dict[str, Any], words: str
) -> None:
    set_config(lora, **values)
    with pytest.raises(StartupError, match=words) as caught:
        start(base, lora)
    assert "\n" not in str(caught.value)


def test_base_and_lora_in_each_others_place(base: Path, lora: Path) -> None:
    with pytest.raises(StartupError, match=r"holds a whole model, no LoRA.*--base_model"):
        start(base, base)
    with pytest.raises(StartupError, match=r"holds a LoRA: pass it as --lora_model"):
        start(lora)


def test_pickles(base: Path, lora: Path) -> None:
    torch.save({name: torch.tensor(t) for name, t in load_file(lora / FILE).items()},
               lora / "adapter_model.bin")  # fmt: skip
    (lora / FILE).unlink()
    with pytest.raises(StartupError, match=r"adapter_model.bin is refused.*--allow_pickle.*conver"):
        start(base, lora)
    assert start(base, lora, ALLOW_PICKLE=True).loras[0].pickled
    set_config(lora, r=8)
    with pytest.raises(StartupError, match="says rank 8"):  # found without loading it
        start(base, lora, ALLOW_PICKLE=True)


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("gotcha",)


@pytest.mark.parametrize("content", [{"a": Trap()}, [1], {"a": 1}, b"no zip"])
def test_pickles_that_are_no_tables(
    base: Path, lora: Path, content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    (lora / FILE).unlink()
    path = lora / "adapter_model.bin"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(StartupError, match=r"adapter_model.bin"):
        start(base, lora, ALLOW_PICKLE=True)
    assert "gotcha" not in capsys.readouterr().out


def test_tokenizers(base: Path, lora: Path, plain: Path, tmp_path: Path) -> None:
    large = write_tokenizer(tmp_path / "large", LARGE)
    with pytest.raises(StartupError, match=r"only 300: .*--tokenizer_path.*--lora_model"):
        start(base, TOKENIZER_PATH=str(large))
    with pytest.raises(StartupError, match=r"base model and LoRA trained only 300"):
        start(base, plain, TOKENIZER_PATH=str(large))
    with pytest.raises(StartupError, match=r"trained with 340 tokens.*has 300.*--tokenizer_path"):
        start(base, lora, TOKENIZER_PATH=str(base))
    one_less = write_tokenizer(tmp_path / "339", LARGE - 1)
    with pytest.raises(StartupError, match=r"trained with 340 tokens.*has 339"):
        start(base, lora, TOKENIZER_PATH=str(one_less))


def test_a_wrong_order(base: Path, enlarged: Path, second: Path) -> None:
    start(base, enlarged, second)
    with pytest.raises(StartupError, match=r"has 340 rows.*applied to has 341"):
        start(base, second, enlarged)


@pytest.mark.parametrize("flags", [(), ("--check",)], ids=["start", "check"])
def test_it_is_told_soon_and_in_one_line(base: Path, lora: Path, flags: tuple[str, ...]) -> None:
    set_config(lora, r=8)
    command = [sys.executable, "wsgi.py", "--only_cpu", "--base_model", str(base), *flags]
    ended = subprocess.run(
        [*command, "--lora_model", str(lora)], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("westlake: ")
    assert ended.stderr.count("\n") == 1
    assert "says rank 8" in ended.stderr
