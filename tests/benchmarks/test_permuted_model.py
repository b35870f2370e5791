"""The permuted copy of a model computes the same function with other blocks of weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from benchmarks.jittered_model import COPIED
from benchmarks.permuted_model import write_permuted


def test_logits_are_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    source = tmp_path / "source"
    model = LlamaForCausalLM(config)
    for norm in (parameter for name, parameter in model.named_parameters() if "norm" in name):
        torch.nn.init.normal_(norm, 1.0, 0.2)
    model.save_pretrained(source)
    for name in COPIED:
        (source / name).touch()
    (source / "config.json").write_text(json.dumps(config.to_dict()))
    target = write_permuted(source, tmp_path / "target")
    moved = AutoModelForCausalLM.from_pretrained(target)
    ids = torch.arange(3, 43)[None]
    with torch.inference_mode():
        expected, found = model(ids).logits, moved(ids).logits
    assert torch.allclose(expected, found, rtol=0, atol=1e-5)
    before, after = (load_file(path / "model.safetensors") for path in (source, target))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert not tensor.equal(after[name]), name
        assert tensor.sum().isclose(after[name].sum(), atol=1e-4), name
    assert write_permuted(source, tmp_path / "target") == target
