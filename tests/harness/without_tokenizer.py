"""Loads a checkpoint without a tokenizer, for tests and benchmarks that send token ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.checkpoint.check import check_model
from app.engine.batch import Batch, DecodeRow
from app.engine.loaded_model import LoadedModel
from app.engine.model_info import ModelInfo
from app.model.loading.load import load_runner, max_model_len
from app.model.sampling.sampler import TorchSampler
from app.model.step_profile import profile_steps
from config import Config
from tests.id_tokenizer import IdTokenizer


def load_without_tokenizer(directory: Path, **settings: Any) -> LoadedModel:
    """What the engine needs, on the CPU; settings: fields of Config."""
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, **settings)
    if not (directory / "tokenizer.model").exists():
        (directory / "tokenizer.json").touch()  # the checks need the file; it is not read here
    checked = check_model(config)
    model = checked.model
    runner, kv_cache_tokens = load_runner(config, checked, model.vocab_size)
    runner.run(Batch((DecodeRow(0, 0, 0, True),), ()))  # page faults, as in app.build's check
    runner.release(0)
    info = ModelInfo(max_model_len(config, checked), model.hidden_size, model.vocab_size)
    tokenizer = IdTokenizer(model.vocab_size, model.eos_ids)
    eos_ids = frozenset(model.eos_ids)
    return LoadedModel(
        runner, TorchSampler(), tokenizer, eos_ids, kv_cache_tokens, info, profile_steps(runner)
    )
