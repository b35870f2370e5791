"""A loaded model as the engine needs it; `app.build` makes it."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.batch import Runner, Sampler
from app.engine.model_info import ModelInfo
from app.engine.step_time import UNTIMED, StepTimeModel
from app.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Runner, sampler, tokenizer and what is known about them."""

    runner: Runner
    sampler: Sampler
    tokenizer: Tokenizer
    eos_ids: frozenset[int]
    kv_cache_tokens: int  #: for all running sequences together; at least one full context
    info: ModelInfo
    step_times: StepTimeModel = UNTIMED  #: measured steps of the runner
    prefix_reuse: bool = True  #: reuse cached prefixes of prompts
