"""adapter_config.json and the keys of an adapter's file, read as peft reads them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists

from app.checkpoint.errors import StartupError
from app.checkpoint.lora.keys import AdapterKey, KeyKind, read_key
from app.checkpoint.lora.settings import LoraSettings, read_lora_settings

MODULES = ["model.embed_tokens", "lm_head", "model.norm", "model.layers.0.input_layernorm"] + [
    f"model.layers.{layer}.{name}"
    for layer in (0, 1, 11)
    for name in ("self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj")
]
TARGETS: list[Any] = [
    ["q_proj", "up_proj"],
    ["layers.1.self_attn.q_proj", "lm_head"],
    ["proj"],
    ["model.layers.0.mlp.up_proj", "embed_tokens"],
    r".*\.(0|11)\..*q_proj",
    "q_proj",
]
OTHERS: list[dict[str, Any]] = [
    {},
    {"exclude_modules": ["q_proj"]},
    {"exclude_modules": r".*\.1\..*"},
    {"modules_to_save": ["lm_head", "up_proj"]},
    {"layers_to_transform": [1, 11]},
    {"layers_to_transform": 0, "layers_pattern": "layers"},
    {"layers_to_transform": [1], "layers_pattern": ["blocks", "layers"]},
    {"layers_to_transform": [1], "layers_pattern": ["blocks"]},
]


def settings_of(directory: Path, **values: Any) -> LoraSettings:
    (directory / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **values}))
    return read_lora_settings(directory)


@pytest.mark.parametrize(("targets", "others"), list(itertools.product(TARGETS, OTHERS)))
def test_targets_are_pefts(tmp_path: Path, targets: Any, others: dict[str, Any]) -> None:
    if isinstance(targets, str) and "layers_to_transform" in others:
        targets = [targets]
    settings = settings_of(tmp_path, target_modules=targets, **others)
    config = LoraConfig(target_modules=targets, **others)
    for module in MODULES:
        theirs = check_target_module_exists(config, module)
        assert settings.is_target(module) == bool(theirs), module


def test_ranks_and_scales(tmp_path: Path) -> None:
    values = {"r": 8, "lora_alpha": 32, "target_modules": ["q_proj"]}
    plain = settings_of(tmp_path, **values)
    assert (plain.rank_of("a.q_proj"), plain.scale_of("a.q_proj")) == (8, 4.0)
    rooted = settings_of(tmp_path, use_rslora=True, rank_pattern={"q_proj": 4}, **values)
    assert rooted.rank_of("model.layers.0.self_attn.q_proj") == 4
    assert rooted.scale_of("model.layers.0.self_attn.q_proj") == 16.0
    assert rooted.rank_of("model.layers.0.self_attn.eq_proj") == 8


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "peft_type 'PREFIX_TUNING' is not supported"),
        ({"r": 0}, "r is 0"),
        ({"lora_alpha": "x"}, "lora_alpha is 'x'"),
        ({"target_modules": [1]}, "target_modules"),
        ({"target_modules": "("}, "broken regular expression"),
        ({"rank_pattern": {"q": 0}}, "rank_pattern"),
        ({"alpha_pattern": []}, None),
        ({"alpha_pattern": {"q": "x"}}, "alpha_pattern"),
        ({"layer_replication": [[0, 1]]}, "'layer_replication'"),
        ({"alora_invocation_tokens": [1]}, "'alora_invocation_tokens'"),
        ({"trainable_token_indices": {"embed_tokens": [-1]}}, "trainable_token_indices"),
    ],
)
def test_refuses(tmp_path: Path, values: dict[str, Any], words: str | None) -> None:
    if words is None:
        settings_of(tmp_path, **values)
        return
    with pytest.raises(StartupError, match=words) as caught:
        settings_of(tmp_path, **values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "unusual"),
    [
        ({}, ""),
        ({"init_lora_weights": "gaussian"}, ""),
        ({"use_dora": True}, "use_dora"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights 'pissa_niter_4'"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices"),
    ],
)
def test_what_peft_must_merge(tmp_path: Path, values: dict[str, Any], unusual: str) -> None:
    assert settings_of(tmp_path, **values).unusual == unusual


Q = "model.layers.0.self_attn.q_proj"
HEAD = "base_model.model.lm_head"
EMBEDDING = "model.embed_tokens"


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        (f"base_model.model.{Q}.lora_A.weight", AdapterKey(KeyKind.A, Q)),
        (f"base_model.model.{Q}.lora_B.default.weight", AdapterKey(KeyKind.B, Q)),
        (f"{Q}.lora_A.weight", AdapterKey(KeyKind.A, Q)),
        (f"base_model.model.{EMBEDDING}.lora_embedding_A", AdapterKey(KeyKind.A, EMBEDDING)),
        (f"base_model.model.{EMBEDDING}.weight", AdapterKey(KeyKind.SAVED, EMBEDDING, "weight", 1)),
        (f"{HEAD}.modules_to_save.weight", AdapterKey(KeyKind.SAVED, "lm_head", "weight", 2)),
        (f"{HEAD}.modules_to_save.a.weight", AdapterKey(KeyKind.SAVED, "lm_head", "weight", 2)),
        (f"{HEAD}.default.weight", AdapterKey(KeyKind.SAVED, "lm_head", "weight", 1)),
        (f"{HEAD}.original_module.weight", AdapterKey(KeyKind.IGNORED, "lm_head")),
        (f"base_model.model.{Q}.base_layer.bias", AdapterKey(KeyKind.SAVED, Q, "bias", 0)),
        (f"base_model.model.{Q}.bias", AdapterKey(KeyKind.SAVED, Q, "bias", 1)),
        (f"base_model.model.{Q}.lora_magnitude_vector", AdapterKey(KeyKind.OTHER, Q)),
        (f"base_model.model.{Q}.lora_B.bias", AdapterKey(KeyKind.OTHER, Q)),
        ("x.token_adapter.trainable_tokens_delta", AdapterKey(KeyKind.OTHER, "x")),
    ],
)
def test_keys(key: str, meaning: AdapterKey) -> None:
    assert read_key(key) == meaning
