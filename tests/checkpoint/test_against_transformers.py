"""Our reading of config.json and our tensor names against transformers'."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from app.checkpoint.config import read_config
from app.checkpoint.expected_tensors import expected_shapes
from tests.harness.model_directory import SIZES

NAMES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA3 = {"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
CASES: list[dict[str, Any]] = [
    {},
    SIZES,
    SIZES | {"num_key_value_heads": None},
    SIZES | {"head_dim": 16},
    SIZES | {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True},
    SIZES | {"rope_theta": 500000.0},
    SIZES | {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}},
    SIZES | {"rope_parameters": {"rope_type": "default", "rope_theta": 12345.0}},
    SIZES | {"rope_parameters": YARN | {"rope_theta": 1e6, "beta_fast": 16}},
    SIZES | {"rope_theta": 1e6, "rope_scaling": YARN},
    SIZES | {"rope_theta": 1e6, "rope_scaling": LLAMA3 | {"original_max_position_embeddings": 32}},
    SIZES | {"sliding_window": None},
    SIZES | {"sliding_window": 16},
    SIZES | {"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 1},
    SIZES
    | {
        "sliding_window": 16,
        "use_sliding_window": True,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    SIZES | {"rms_norm_eps": 1e-5, "eos_token_id": [3, 4]},
]


def write(directory: Path, kind: str, values: dict[str, Any]) -> Any:
    """Write config.json and read it with transformers."""
    values = {"model_type": kind, "architectures": [NAMES[kind]], **values}
    (directory / "config.json").write_text(json.dumps(values))
    return AutoConfig.from_pretrained(directory, local_files_only=True)


def theirs_windows(kind: str, config: Any) -> tuple[int | None, ...]:
    """The attention window of each layer in transformers' modules."""
    if kind == "llama":
        return (None,) * config.num_hidden_layers
    if not hasattr(config, "layer_types"):  # mistral without them
        return (config.sliding_window,) * config.num_hidden_layers
    return tuple(
        config.sliding_window if name == "sliding_attention" else None
        for name in config.layer_types
    )


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("values", CASES, ids=range(len(CASES)))
def test_same_config(tmp_path: Path, kind: str, values: dict[str, Any]) -> None:
    if kind == "mistral" and values.get("num_key_value_heads", 1) is None:
        values = values | {"num_key_value_heads": 4}  # null is an error to its config class
    theirs = write(tmp_path, kind, dict(values))
    ours = read_config(tmp_path)
    assert ours.architecture == kind
    assert ours.vocab_size == theirs.vocab_size
    assert ours.hidden_size == theirs.hidden_size
    assert ours.intermediate_size == theirs.intermediate_size
    assert ours.layers == theirs.num_hidden_layers
    assert ours.heads == theirs.num_attention_heads
    assert ours.kv_heads == theirs.num_key_value_heads
    default_dim = theirs.hidden_size // theirs.num_attention_heads
    assert ours.head_dim == (getattr(theirs, "head_dim", None) or default_dim)
    assert ours.norm_eps == theirs.rms_norm_eps
    assert ours.max_positions == theirs.max_position_embeddings
    assert ours.tied_head == theirs.tie_word_embeddings
    eos = theirs.eos_token_id
    assert ours.eos_ids == (() if eos is None else tuple(eos if isinstance(eos, list) else [eos]))
    assert ours.windows == theirs_windows(kind, theirs)
    rope = dict(theirs.rope_parameters)
    assert ours.rope.kind == rope.pop("rope_type")
    assert ours.rope.theta == rope.pop("rope_theta")
    rope.pop("type", None)
    assert ours.rope.options == rope


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    "changes",
    [{}, {"tie_word_embeddings": True}, {"attention_bias": True, "mlp_bias": True, "head_dim": 16}],
)
def test_same_tensors(tmp_path: Path, kind: str, changes: dict[str, Any]) -> None:
    theirs = write(tmp_path, kind, SIZES | changes)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(theirs)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    if theirs.tie_word_embeddings:
        shapes.pop("lm_head.weight")
    assert expected_shapes(read_config(tmp_path)) == shapes
