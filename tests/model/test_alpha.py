"""--alpha: the same tokens as transformers with the scaled RoPE base."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from app.checkpoint.config import read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.ntk_scaling import scale_rope
from app.engine.request import GenerationRequest, SamplingParams
from tests.harness.in_process import collect, engine_of
from tests.model.conftest import SaveModel
from tests.model.test_promise_b import assert_greedy, prompts


def test_the_base_is_scaled_once(save_model: SaveModel) -> None:
    directory = save_model("llama", "float16", seed=9).directory
    alpha, head_dim = 4.0, 16
    base = 10_000.0 * alpha ** (head_dim / (head_dim - 2))
    assert scale_rope(read_config(directory), alpha).rope.theta == base
    config = AutoConfig.from_pretrained(directory)
    config.rope_parameters = {"rope_type": "default", "rope_theta": base}
    model = AutoModelForCausalLM.from_pretrained(directory, config=config, dtype=torch.float32)
    params = SamplingParams(temperature=0)
    asked = [prompt for prompt in prompts(5, 400) if len(prompt) > 60][:8]
    answers = {}
    for name, given in (("scaled", alpha), ("plain", 1.0)):
        engine = engine_of(directory, ALPHA=given)
        handles = [
            engine.generate(GenerationRequest((p,), params, max_tokens=16, ignore_eos=True))
            for p in asked
        ]
        answers[name] = [collect(handle)[0].tokens for handle in handles]
        engine.drain(0)
    assert answers["scaled"] != answers["plain"]
    for prompt, answer in zip(asked, answers["scaled"], strict=True):
        assert_greedy(model.eval(), prompt, answer, 1.0)


def test_longer_contexts_may_be_asked_for(save_model: SaveModel) -> None:
    directory = save_model("llama", "float16", seed=9).directory
    with pytest.raises(StartupError, match="made for 1024"):
        engine_of(directory, MAX_MODEL_LEN=2048)
    engine = engine_of(directory, MAX_MODEL_LEN=2048, ALPHA=2.0)
    assert engine.info.max_model_len == 2048
    engine.drain(0)


def test_refuses_models_that_scale_themselves(save_model: SaveModel) -> None:
    model = read_config(save_model("llama", "float16", seed=9).directory)
    scaled = replace(model, rope=replace(model.rope, kind="yarn"))
    with pytest.raises(StartupError, match=r"--alpha is 2, but .*'yarn'.*leave --alpha out"):
        scale_rope(scaled, 2.0)
    assert scale_rope(scaled, 1.0) is scaled
