"""Turns the results of a step into events of the requests it was computed for."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from app.engine.batch import OutputKind, PrefillChunk, SampledToken
from app.engine.errors import EngineError, GenerationFailed, StructuredOutputFailed
from app.engine.events import Embedding, FinishReason, OutputDelta, Progress, PromptLogprobs
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.output_buffer import OutputBuffer
from app.engine.plan import Plan
from app.engine.pooling import mean_pooled_embedding
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.structured_output.grammar_constraint import ConstraintFailed

log = logging.getLogger(__name__)

#: Seconds between two reports of a waiting request's place in the queue.
PROGRESS_INTERVAL_S = 1.0
_STRUCTURED_OUTPUT_FAILED = "the answer could not be kept to its grammar to the end; simplify it"


class OutputProcessor:
    """Owned by the engine thread."""

    def __init__(self, model: LoadedModel, scheduler: Scheduler, metrics: EngineMetrics) -> None:
        self.buffer = OutputBuffer(metrics)
        self._model, self._scheduler, self._metrics = model, scheduler, metrics
        self._progress_at = 0.0

    def fail(self, handles: list[RequestHandle], error: EngineError) -> None:
        """End requests with an error."""
        for handle in handles:
            if self.buffer.is_open(handle):
                for sequence in self.buffer.fail(handle, error):
                    self._scheduler.remove(sequence, keep=False)

    def fail_nan_logits(self, sequence: Sequence) -> None:
        """End the request of a sequence whose logits are NaN."""
        self.fail([sequence.handle], GenerationFailed("the model's output is not a number"))

    @contextmanager
    def isolate_failures(self, sequence: Sequence) -> Iterator[None]:
        """Let an exception inside fail the request of this sequence only. MemoryError passes."""
        try:
            yield
        except MemoryError:
            raise
        except ConstraintFailed:
            log.warning("the grammar of a schema exceeded a limit; its request fails")
            self.fail([sequence.handle], StructuredOutputFailed(_STRUCTURED_OUTPUT_FAILED))
        except Exception:
            log.exception("one request failed; the others go on")
            self.fail([sequence.handle], GenerationFailed("the server failed; try again"))

    def append_token(self, sequence: Sequence, sampled: SampledToken) -> None:
        """Append a sampled token to its answer, and finish the answer if it ends here."""
        if sampled.token_id < 0:
            self.fail_nan_logits(sequence)
            return
        if not self.buffer.is_open(sequence.handle):
            return  # another choice of the same request has just failed
        self.observe_latency(sequence, first=sequence.num_generated_tokens == 0)
        text, reason = sequence.append(sampled.token_id, sampled.logprob)
        logprobs = sequence.release_logprobs()
        thinking, count = sequence.take_reasoning()
        ids = (sampled.token_id,)
        delta = OutputDelta(sequence.index, text, ids, logprobs, reason, thinking, count)
        if reason is None:
            self.buffer.add_event(sequence, delta)
        else:
            self.finish(sequence, [replace(delta, stop_reason=sequence.stop_string)])

    def finish(self, sequence: Sequence, deltas: list[OutputDelta]) -> None:
        """Send the last deltas of a sequence and free its slots."""
        if not self.buffer.is_open(sequence.handle):
            return  # another choice of the same request has just failed
        self.buffer.finish(sequence, deltas)
        self._scheduler.remove(sequence)

    def observe_latency(self, sequence: Sequence, first: bool) -> None:
        """Count the time to this token. first: since the request was accepted."""
        now = time.monotonic()
        if first:
            self._metrics.time_to_first_token.observe(now - sequence.handle.accepted_at)
        else:
            self._metrics.inter_token_latency.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def add_prompt_logprobs(self, plan: Plan, target_logits: tuple[Any, ...]) -> None:
        """Report logprobs of prompt tokens; finish the requests that generate nothing.

        target_logits: see `StepResult`.
        """
        logits_by_chunk = iter(target_logits)
        for sequence, chunk in plan.prefilled:
            logits = next(logits_by_chunk) if chunk.logprob_targets else None
            with self.isolate_failures(sequence):
                if chunk.logprob_targets:
                    self._report_prompt_logprobs(sequence, chunk, logits)
                scores_only = not sequence.is_embedding and sequence.max_tokens == 0
                if chunk.end == sequence.prompt_length and scores_only:
                    end = OutputDelta(sequence.index, "", (), (), FinishReason.LENGTH)
                    self.finish(sequence, [end])

    def _report_prompt_logprobs(self, sequence: Sequence, chunk: PrefillChunk, logits: Any) -> None:
        assert sequence.prompt_logprobs is not None
        logprobs = self._model.sampler.logprobs_of(
            logits, chunk.logprob_targets, sequence.prompt_logprobs
        )
        # After a preemption the prompt is computed again, but its logprobs are sent only once.
        new = tuple(logprobs[max(0, sequence.next_prompt_logprob - chunk.start - 1) :])
        sequence.next_prompt_logprob += len(new)
        if new and self.buffer.is_open(sequence.handle):
            self.buffer.add_event(sequence, PromptLogprobs(sequence.index, new))

    def add_embeddings(self, plan: Plan, pooled: tuple[Any, ...]) -> None:
        """Sum the hidden states of embedding inputs; send the embeddings that are complete.

        pooled: see `StepResult`.
        """
        sums = iter(pooled)
        for sequence, chunk in plan.prefilled:
            if chunk.output is not OutputKind.POOLED:
                continue
            chunk_sum = next(sums)
            if not self.buffer.is_open(sequence.handle):
                continue  # another input of the same request has just failed
            sequence.pooled = chunk_sum if sequence.pooled is None else sequence.pooled + chunk_sum
            if chunk.end == sequence.prompt_length:
                with self.isolate_failures(sequence):
                    vector = mean_pooled_embedding(sequence.pooled, sequence.prompt_length)
                    self.buffer.add_event(sequence, Embedding(sequence.index, vector))
                    self.buffer.finish_choice(sequence)
                    self._scheduler.remove(sequence)

    def report_progress(self, plan: Plan) -> None:
        """Report prefilled tokens after each step, and places in the queue once a second."""
        for sequence in plan.prefill_sequences:
            if sequence.is_prefilling:
                computed = min(sequence.num_computed_tokens, sequence.prompt_length)
                done = Progress(0, computed, sequence.prompt_length)
                self.buffer.add_event(sequence, done)
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_INTERVAL_S:
            self._progress_at = now
            for ahead, sequence in enumerate(self._scheduler.waiting()):
                if ahead:
                    self.buffer.add_event(sequence, Progress(queued=ahead))
