"""A loaded model as the engine needs it: what `app.build` puts together and hands over.

Knows nothing about how it was loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.batch import Runner, Sampler
from app.engine.step_time import UNTIMED, StepTimeModel
from app.engine.types import ModelInfo
from app.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Everything that answering takes."""

    runner: Runner
    sampler: Sampler
    tokenizer: Tokenizer
    eos_ids: frozenset[int]
    kv_cache_tokens: int  #: cache for all running sequences together, at least one full context
    info: ModelInfo
    step_times: StepTimeModel = UNTIMED  #: how long the runner's steps take
    prefix_reuse: bool = True  #: do not compute again what the cache still holds of a prompt
