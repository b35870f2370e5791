"""Merging tensor by tensor equals peft's merge_and_unload, for all kinds of adapters."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from app.checkpoint.check import CheckedModel, check_model
from app.checkpoint.expected_tensors import HEAD, expected_shapes
from app.model.loading.build_weights import Source
from app.model.loading.load import _merged_source
from config import Config
from tests.lora.adapters import ALL, LARGE, SMALL, reference, trained, write_tokenizer
from tests.model.conftest import SaveModel

PATTERNS = {
    "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\..*": 6},
    "alpha_pattern": {"v_proj": 3, "model.layers.0.self_attn.q_proj": 16},
}
REGEX = r".*\.1\.(self_attn\.[qk]|mlp\.up)_proj"
EMBEDDINGS = [*ALL, "embed_tokens", "lm_head"]
SAVED = {"modules_to_save": ["embed_tokens"]}
#: (base model, vocabulary rows it is resized to before training, LoraConfig's settings)
KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "plain": ("llama", 0, {}),
    "rank and alpha patterns": ("llama", 0, PATTERNS),
    "rslora": ("llama", 0, {"use_rslora": True, "r": 3, **PATTERNS}),
    "fan in fan out": ("llama", 0, {"fan_in_fan_out": True}),
    "a regular expression": ("llama", 0, {"target_modules": REGEX}),
    "all linear": ("qwen3", 0, {"target_modules": "all-linear"}),
    "one layer": ("llama", 0, {"layers_to_transform": [1], "layers_pattern": "layers"}),
    "another start": ("llama", 0, {"init_lora_weights": "gaussian"}),
    "excluded": ("llama", 0, {"exclude_modules": ["k_proj"]}),
    "biases": ("qwen2", 0, {"bias": "all"}),
    "their biases": ("qwen2", 0, {"bias": "lora_only", "target_modules": ["q_proj", "o_proj"]}),
    "norms whole": ("llama", 0, {"modules_to_save": ["norm"]}),
    "embeddings as targets": ("llama", 0, {"target_modules": EMBEDDINGS}),
    "larger, as targets": ("llama", LARGE, {"target_modules": EMBEDDINGS}),
    "larger": ("llama", LARGE, {}),
    "larger, saved": ("llama", LARGE, {"modules_to_save": ["embed_tokens", "lm_head"]}),
    "tied": ("tied", 0, {}),
    "tied, larger": ("tied", LARGE, SAVED),
    "tied, both saved": ("tied", 0, {"modules_to_save": ["embed_tokens", "lm_head"]}),
    "tied, kept so": ("tied", 0, {**SAVED, "ensure_weight_tying": True}),
}  # fmt: skip
#: Adapters that only peft can merge.
UNUSUAL: dict[str, tuple[str, int, dict[str, Any]]] = {
    "dora": ("llama", 0, {"use_dora": True}),
    "biases of its own": ("qwen2", 0, {"lora_bias": True, "target_modules": ["q_proj", "k_proj"]}),
    "single tokens": ("llama", LARGE, {"trainable_token_indices": [5, SMALL, SMALL + 2]}),
    "single tokens, tied": ("tied", 0, {"trainable_token_indices": [5, 7]}),
    "pissa": ("llama", 0, {"init_lora_weights": "pissa"}),
}


@pytest.fixture(scope="session")
def bases(save_model: SaveModel) -> dict[str, Path]:
    """A base model of each kind, with the small tokenizer."""
    made = {
        "llama": save_model("llama", "float16", seed=21, vocab_size=SMALL),
        "tied": save_model("llama", "float32", seed=22, vocab_size=SMALL, tie_word_embeddings=True),
        "qwen2": save_model("qwen2", "bfloat16", seed=23, vocab_size=SMALL),
        "qwen3": save_model("qwen3", "float32", seed=24, vocab_size=SMALL, head_dim=16),
    }
    return {name: write_tokenizer(saved.directory, SMALL) for name, saved in made.items()}


def adapter(base: Path, rows: int, directory: Path, settings: dict[str, Any]) -> Path:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if rows:
        model.resize_token_embeddings(rows, mean_resizing=False)
    return trained(model, directory, seed=31, **settings)


def checked(base: Path, *loras: Path, **settings: Any) -> CheckedModel:
    names = tuple(map(str, loras))
    return check_model(Config(BASE_MODEL=str(base), LORA_MODEL=names, ONLY_CPU=True, **settings))


def assert_same(checked_model: CheckedModel, model: Any) -> None:
    """The merged tensors are those of peft's merged model."""
    with torch.inference_mode():
        source: Source
        source, config = _merged_source(Config(), checked_model, checked_model.model)
    theirs = {
        name.replace("base_model.model.", ""): tensor
        for name, tensor in model.named_parameters(remove_duplicate=False)
    }
    for name in expected_shapes(config):
        ours = source(name).float()
        assert ours.shape == theirs[name].shape, name
        assert torch.allclose(ours, theirs[name], rtol=1e-6, atol=1e-6), name
    if config.tied_head:
        assert torch.allclose(source("model.embed_tokens.weight").float(), theirs[HEAD], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS | UNUSUAL)
def test_one(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    name, rows, settings = (KINDS | UNUSUAL)[kind]
    lora = adapter(bases[name], rows, tmp_path, settings)
    found = checked(bases[name], lora)
    assert bool(found.loras[0].settings.unusual) == (kind in UNUSUAL)
    with torch.random.fork_rng():
        assert_same(found, reference(bases[name], [lora], rows, merge=True))


def test_a_stack(bases: dict[str, Path], tmp_path: Path) -> None:
    base = bases["llama"]
    first = adapter(base, LARGE, tmp_path / "1", KINDS["larger, saved"][2])
    model = reference(base, [first], LARGE, merge=True)
    second = trained(model, tmp_path / "2", seed=5, use_rslora=True)
    model = reference(base, [first, second], LARGE, merge=True)
    third = trained(model, tmp_path / "3", seed=6, target_modules=["lm_head", "embed_tokens"])
    loras = [first, second, third]
    assert_same(checked(base, *loras), reference(base, loras, LARGE, merge=True))


def test_a_stack_with_an_unusual_one(bases: dict[str, Path], tmp_path: Path) -> None:
    base = bases["llama"]
    first = adapter(base, LARGE, tmp_path / "1", KINDS["larger, saved"][2])
    model = reference(base, [first], LARGE, merge=True)
    second = trained(model, tmp_path / "2", seed=5, use_dora=True)
    assert_same(checked(base, first, second), reference(base, [first, second], LARGE, merge=True))


def named(key: str) -> str:
    return key.replace(".weight", ".default.weight")


def wrapped(key: str) -> str:
    for module in ("embed_tokens.", "lm_head."):
        key = key.replace(module, f"{module}modules_to_save.")
    return key


OLD_NAMES: dict[str, Callable[[str], str]] = {
    "named": named,
    "wrapped": wrapped,
    "both": lambda key: wrapped(named(key)),
}


@pytest.mark.parametrize("spelling", OLD_NAMES)
def test_older_spellings(bases: dict[str, Path], tmp_path: Path, spelling: str) -> None:
    settings = KINDS["larger, saved"][2]
    lora = adapter(bases["llama"], LARGE, tmp_path / "new", settings)
    expected = reference(bases["llama"], [lora], LARGE, merge=True)
    old = tmp_path / "old"
    shutil.copytree(lora, old)
    tensors = load_file(lora / "adapter_model.safetensors")
    saved = {
        OLD_NAMES[spelling](key): tensor
        for key, tensor in tensors.items()
        if "modules_to_save" not in key and "original_module" not in key
    }
    save_file(saved, old / "adapter_model.safetensors")
    assert_same(checked(bases["llama"], old), expected)


def test_a_pickled_adapter_and_base(bases: dict[str, Path], tmp_path: Path) -> None:
    lora = adapter(bases["llama"], LARGE, tmp_path / "lora", KINDS["larger, saved"][2])
    expected = reference(bases["llama"], [lora], LARGE, merge=True)
    base = tmp_path / "base"
    shutil.copytree(bases["llama"], base)
    for path, name in ((lora / "adapter_model.safetensors", "adapter_model.bin"),
                       (base / "model.safetensors", "pytorch_model.bin")):  # fmt: skip
        torch.save(load_file(path), path.with_name(name))
        path.unlink()
    found = checked(base, lora, ALLOW_PICKLE=True)
    assert found.pickled
    assert found.loras[0].pickled
    assert_same(found, expected)


def test_merged_weights_are_float32_and_others_stay(bases: dict[str, Path], tmp_path: Path) -> None:
    lora = adapter(bases["llama"], 0, tmp_path, {"target_modules": ["q_proj"]})
    source, _ = _merged_source(Config(), found := checked(bases["llama"], lora), found.model)
    assert source("model.layers.0.self_attn.q_proj.weight").dtype == torch.float32
    assert source("model.layers.0.self_attn.o_proj.weight").dtype == torch.float16
    assert source("model.embed_tokens.weight").dtype == torch.float16
