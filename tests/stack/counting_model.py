"""A model that counts, at a fixed step time, and fails on request: by a token in the prompt."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any

import numpy as np

from app.engine.batch import Batch, SampledToken, SamplingInput, StepResult
from app.engine.loaded_model import LoadedModel
from tests.engine.fakes import EOS, VOCAB, CountingRunner, FollowingSampler, fake_model
from tests.id_tokenizer import IdTokenizer

SLOTS, POSITIONS = 64, 12_000
#: Tokens that make the model fail: when it processes them, or STEPS_LATER steps later.
OOM_READING, OOM_ANSWERING, FATAL, HANG = 990, 991, 992, 993
STEPS_LATER = 11
HANG_S = 120.0
#: Seeds of requests whose sampling fails: with an exception, or with NaN logits.
UNCHOOSABLE, NOT_A_NUMBER = 666, 667


class TextTokenizer(IdTokenizer):
    """Encodes any text as one token per byte."""

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """BOS and the bytes."""
        return (self.bos_id, *(3 + byte for byte in text.encode()))


class BreakableRunner(CountingRunner):
    """Counts up, one token per step."""

    def __init__(self, step_s: float) -> None:
        super().__init__(SLOTS, POSITIONS)
        self.batches = deque(maxlen=1)  # type: ignore[assignment]
        self.on_step = self.break_down
        self.step_s = step_s
        self.doomed: dict[int, int] = {}  #: slot -> steps until it runs out of memory
        self.armed: tuple[int, int] | None = None  #: the fault, and the steps until it happens

    def break_down(self, batch: Batch) -> None:
        """Fail as the prompts request."""
        time.sleep(self.step_s)
        if self.armed is not None:
            fault, left = self.armed
            self.armed = (fault, left - 1)
            if left <= 0:
                self.fail(fault)
        for chunk in batch.prefill_chunks:
            if OOM_READING in chunk.tokens:
                raise MemoryError("no memory to read with")
            if OOM_ANSWERING in chunk.tokens:
                self.doomed[chunk.slot] = 5
            for fault in (FATAL, HANG):
                if fault in chunk.tokens and self.armed is None:
                    self.armed = (fault, STEPS_LATER - 1)
        for row in batch.decode_rows:
            if row.slot in self.doomed:
                self.doomed[row.slot] -= 1
                if not self.doomed[row.slot]:
                    del self.doomed[row.slot]
                    raise MemoryError("no memory to answer with")

    def fail(self, fault: int) -> None:
        """Fail so that the engine cannot continue."""
        if fault == FATAL:
            raise RuntimeError("the model is broken")
        time.sleep(HANG_S)

    def run(self, batch: Batch) -> StepResult:
        """Also returns a different embedding for each prompt."""
        result = super().run(batch)
        pooled = tuple(np.array([total, 1000.0]) for total in result.pooled)
        return StepResult(result.logits, pooled)


class BreakableSampler(FollowingSampler):
    """Fails for the seeds above."""

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        """One token per row."""
        if any(sampling.seed == UNCHOOSABLE and sampling.position == 3 for sampling in inputs):
            raise ZeroDivisionError("a fault in choosing")
        self.broken = lambda sampling: sampling.seed == NOT_A_NUMBER and sampling.position == 3
        return super().sample(logits, inputs)


def load() -> LoadedModel:
    """Return the model, after a loading time."""
    time.sleep(float(os.environ.get("STACK_LOAD_S", "0")))
    step_s = float(os.environ.get("STACK_STEP_S", "0.003"))
    model = fake_model(BreakableRunner(step_s), BreakableSampler(), kv_cache_tokens=10**7)
    return LoadedModel(
        model.runner,
        model.sampler,
        TextTokenizer(VOCAB, (EOS,)),
        model.eos_ids,
        model.kv_cache_tokens,
        model.info,
    )
