"""The logits of one prompt: by a served model, and by transformers' own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from app.checkpoint.check import CheckedModel, check_without_memory
from app.engine.batch import Batch, OutputKind, PrefillChunk
from app.model.loading.load import load_runner
from config import Config
from tests.harness.model_directory import config_json

TOKENS = tuple(range(3, 43))


def transformers_model(**changes: Any) -> PreTrainedModel:
    """transformers' float32 model, its weights still to be loaded. changes: see `config_json`."""
    config = AutoConfig.for_model(**config_json(**changes, torch_dtype=...))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def expected_logits(model: PreTrainedModel, values: Mapping[str, Tensor]) -> Tensor:
    """Of transformers' `model` with these weights; float32 [vocab]."""
    model.load_state_dict(values, strict=True)
    with torch.inference_mode():
        logits: Tensor = model(torch.tensor([TOKENS])).logits[0, -1]
    return logits


def checked(path: Path, **settings: Any) -> tuple[Config, CheckedModel]:
    """The settings that serve a model on the CPU, and what the check found."""
    config = Config(BASE_MODEL=str(path), ONLY_CPU=True, KV_CACHE_MB=64, **settings)
    return config, check_without_memory(config)


def logits(path: Path, **settings: Any) -> Tensor:
    """Of the model as it is served; float32 [vocab]."""
    config, model = checked(path, **settings)
    runner, _ = load_runner(config, model, model.model.vocab_size)
    batch = Batch((), (PrefillChunk(0, 0, TOKENS, OutputKind.LOGITS),))
    return runner.run(batch).logits[0]
