"""Prompt logprobs and cached tokens are reported once, also after a preemption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.engine.batch import Batch, StepResult
from app.engine.build_sequences import generation_sequences
from app.engine.core import EngineCore
from app.engine.events import PromptLogprobs, TokenLogprob
from app.engine.metrics import EngineMetrics
from app.engine.request import GenerationRequest
from app.engine.request_handle import RequestHandle
from app.engine.token_ids import TokenIds
from tests.engine.fakes import CountingRunner, FollowingSampler, fake_model
from tests.engine.test_async_engine import serve
from tests.harness.in_process import collect


class ScoringRunner(CountingRunner):
    def run(self, batch: Batch) -> StepResult:
        scored = tuple(
            list(chunk.logprob_targets) for chunk in batch.prefill_chunks if chunk.logprob_targets
        )
        return replace(super().run(batch), target_logits=scored)


class ScoringSampler(FollowingSampler):
    def logprobs_of(self, logits: Any, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        assert logits == list(targets)
        return [TokenLogprob(token, -float(token), ()) for token in targets]


def test_a_prompt_preempted_in_its_middle_is_scored_once() -> None:
    model = fake_model(ScoringRunner(), ScoringSampler())
    core = EngineCore(model, EngineMetrics())
    running = GenerationRequest(((3, 4),), max_tokens=100)
    scored = GenerationRequest((tuple(range(3, 203)),), max_tokens=0, prompt_logprobs=0)
    handles = []
    for request in (running, scored):
        handle = RequestHandle(len(request.prompts[0]), 1, lambda: None)
        core.accept(handle, generation_sequences(request, model, handle, [request.max_tokens or 0]))
        core.step()
        core.flush()
        handles.append(handle)
    core.step()
    core.scheduler.admission.kv_cache_tokens = 20  # the next step preempts the youngest
    core.step()
    assert core.scheduler.waiting()
    core.scheduler.admission.kv_cache_tokens = 10_000
    for _ in range(20):
        core.step()
        core.flush()
    events = [event for event in handles[1].next_events(1) if isinstance(event, PromptLogprobs)]
    reported = [token.token_id for event in events for token in event.logprobs]
    assert reported == list(range(4, 203))


def test_cached_tokens_count_a_prompt_once() -> None:
    engine = serve(fake_model(CountingRunner(slots=8), prefix_reuse=True))
    prompt = tuple(range(3, 103))
    for cached in (0, 96):
        handle = engine.generate(GenerationRequest((prompt,), max_tokens=3, n=4))
        collect(handle)
        assert handle.cached_tokens == cached
