"""Reading config.json, and refusing unsupported values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.checkpoint.config import read_config
from app.checkpoint.errors import StartupError
from tests.harness.model_directory import write_config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, ["GPT2LMHeadModel", "LlamaForCausalLM"]),
        ({"architectures": ..., "model_type": "gpt2"}, ["gpt2", "Qwen3ForCausalLM"]),
        ({"architectures": ...}, ["no architecture"]),
        ({"architectures": []}, ["none"]),
        ({"architectures": "LlamaForCausalLM"}, ["architectures"]),
        ({"auto_map": {"AutoModel": "x.Y"}}, ["auto_map", "own code"]),
        ({"trust_remote_code": True}, ["trust_remote_code"]),
        ({"hidden_act": "gelu"}, ["hidden_act", "gelu"]),
        ({"torch_dtype": "float8_e4m3fn"}, ["dtype", "float8_e4m3fn"]),
        ({"num_attention_heads": 5}, ["num_attention_heads 5"]),
        ({"num_attention_heads": 3, "num_key_value_heads": 3}, ["hidden_size 32"]),
        ({"num_key_value_heads": 3}, ["num_key_value_heads 3"]),
        ({"hidden_size": 0}, ["hidden_size", "0"]),
        ({"num_hidden_layers": -1}, ["num_hidden_layers"]),
        ({"num_hidden_layers": 10**9}, ["num_hidden_layers"]),
        ({"vocab_size": "64"}, ["vocab_size"]),
        ({"vocab_size": True}, ["vocab_size", "True"]),
        ({"vocab_size": 64.0}, ["vocab_size"]),
        ({"rms_norm_eps": 0}, ["rms_norm_eps"]),
        ({"head_dim": 7}, ["head_dim 7", "odd"]),
        ({"tie_word_embeddings": "no"}, ["tie_word_embeddings"]),
        ({"eos_token_id": "2"}, ["eos_token_id"]),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, ["dynamic", "linear"]),
        ({"rope_parameters": {"rope_type": "longrope"}}, ["longrope"]),
        ({"rope_scaling": {"rope_type": "linear"}}, ["linear", "factor"]),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, ["factor"]),
        ({"rope_scaling": {"rope_type": "yarn"}}, ["yarn", "factor"]),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8}}, ["low_freq_factor"]),
        ({"rope_scaling": [1]}, ["rope_scaling"]),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, ["layers"]),
        ({"rope_theta": float("nan")}, ["rope_theta"]),
        ({"partial_rotary_factor": 0.5}, ["partial_rotary_factor"]),
        (
            {"architectures": ["Qwen2ForCausalLM"], "layer_types": ["full_attention"]},
            ["layer_types"],
        ),
        (
            {"architectures": ["Qwen2ForCausalLM"], "layer_types": ["sliding_attention"] * 2},
            ["sliding_window is off"],
        ),
        (
            {"architectures": ["Qwen3ForCausalLM"], "layer_types": ["linear_attention"] * 2},
            ["linear_attention"],
        ),
    ],
)
def test_refuses(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    write_config(tmp_path, **changes)
    with pytest.raises(StartupError) as caught:
        read_config(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "config.json") in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a": }']
)
def test_refuses_garbled_files(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "config.json").write_bytes(raw)
    with pytest.raises(StartupError, match=r"config\.json"):
        read_config(tmp_path)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="missing"):
        read_config(tmp_path)


def test_eos_ids_are_those_of_both_files(tmp_path: Path) -> None:
    write_config(tmp_path, eos_token_id=[2, 5])
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 7}))
    assert read_config(tmp_path).eos_ids == (7, 2, 5)


def test_eos_ids_outside_the_vocabulary_are_left_out(tmp_path: Path) -> None:
    write_config(tmp_path, eos_token_id=[-1, 2, 64])
    assert read_config(tmp_path).eos_ids == (2,)


def test_null_eos_means_none_and_a_missing_key_means_llamas(tmp_path: Path) -> None:
    assert read_config(write_config(tmp_path, eos_token_id=None)).eos_ids == ()
    assert read_config(write_config(tmp_path)).eos_ids == (2,)


def test_max_sequence_length_of_2023_files(tmp_path: Path) -> None:
    write_config(tmp_path, max_position_embeddings=..., max_sequence_length=512)
    assert read_config(tmp_path).max_positions == 512


def test_architecture_name_of_2023_files(tmp_path: Path) -> None:
    write_config(tmp_path, architectures=["LLaMAForCausalLM"], num_key_value_heads=...)
    model = read_config(tmp_path)
    assert (model.architecture, model.kv_heads) == ("llama", 4)
