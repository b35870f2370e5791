"""One step at a time: plan, run, sample, say what came of it.

Knows nothing about threads or where requests come from; lives on the engine's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.engine.batch import OutputKind, PrefillChunk, SampledToken, SamplingInput, StepResult
from app.engine.beam_group import BeamGroup
from app.engine.cache_slots import EvictSlot
from app.engine.errors import EngineError, GenerationFailed, StructuredOutputFailed
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.output_buffer import OutputBuffer
from app.engine.pooling import mean_pooled_embedding
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Plan, Scheduler
from app.engine.sequence import Sequence
from app.engine.types import Embedding, FinishReason, OutputDelta, Progress, PromptLogprobs
from app.structured_output.json_constraint import ConstraintFailed

log = logging.getLogger(__name__)

#: Waiting requests hear how many are ahead of them this often.
PROGRESS_INTERVAL_S = 1.0
_STRUCTURED_OUTPUT_FAILED = (
    "the answer could not be kept to its schema to the end; simplify the schema"
)


class EngineCore:
    """Owns the scheduler and all sequences. Used by the engine thread only."""

    def __init__(self, model: LoadedModel, metrics: EngineMetrics) -> None:
        self.scheduler = Scheduler(
            model.runner.slots,
            model.kv_cache_tokens,
            model.runner.prefill_chunk_tokens,
            model.prefix_reuse,
            model.step_times,
        )
        self._model, self._metrics = model, metrics
        self._output = OutputBuffer(metrics)
        self._progress_at = 0.0
        self._plan: Plan | None = None
        self._advanced = False  #: the last plan's batch was computed

    @property
    def handles(self) -> list[RequestHandle]:
        """Requests not yet ended."""
        return self._output.handles

    @property
    def running_requests(self) -> int:
        """Requests of which at least one sequence holds a slot."""
        return len({sequence.handle for sequence in self.scheduler.running})

    def accept(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Queue a request's sequences."""
        self._output.open(handle, sequences)
        self.scheduler.add(sequences)
        ahead = len(self.scheduler.waiting()) - 1
        if ahead:
            handle.send((Progress(queued=ahead),))

    def reserve(self, handle: RequestHandle) -> None:
        """Count a request in whose answer cannot begin yet; `accept` follows, or `fail`."""
        self._output.reserve(handle)

    def begin(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """As `accept`, for a reserved request; nothing when it has ended meanwhile."""
        if self._output.is_open(handle):
            self.accept(handle, sequences)

    def drop_cancelled(self) -> None:
        """Give back the places of requests whose clients have gone."""
        for handle in self._output.handles:
            if handle.cancelled:
                for sequence in self._output.cancel(handle):
                    self.scheduler.remove(sequence)

    def fail(self, handles: list[RequestHandle], error: EngineError) -> None:
        """End requests with an error."""
        for handle in handles:
            if self._output.is_open(handle):
                for sequence in self._output.fail(handle, error):
                    self.scheduler.remove(sequence, keep=False)

    def step(self) -> bool:
        """Compute one batch, if there is work; `flush` then sends what it gave. Returns False
        when there was nothing to compute.

        Raises:
            Exception: from the runner or the sampler; see `requests_of_last_step`.
        """
        self.scheduler.preempt_for_cache_space()
        self._plan = plan = self.scheduler.plan()
        self._apply_cache_ops(plan)
        self._metrics.preemptions = self.scheduler.preemptions
        self._metrics.prefix_queried_tokens = self.scheduler.queried_tokens
        self._metrics.prefix_reused_tokens = self.scheduler.reused_tokens
        if not plan.batch.tokens:
            return False
        self._advanced = False
        result = self._model.runner.run(plan.batch)
        sampled_sequences = self._advance(plan)
        self._advanced = True
        self._metrics.steps += 1
        self._take_prompt_logprobs(plan, result)
        self._pool(plan, result)
        self._sample(sampled_sequences, result)
        self._step_beams(sampled_sequences, result)
        self._report_progress(plan)
        return True

    def flush(self) -> None:
        """Send what the step gave."""
        self._output.flush()

    def _apply_cache_ops(self, plan: Plan) -> None:
        runner = self._model.runner
        for work in plan.cache_ops:
            if isinstance(work, EvictSlot):
                runner.release(work.slot)
            else:
                runner.copy(work.source, work.target, work.start, work.end)

    @property
    def planned_tokens(self) -> int:
        """Rows of the step that runs now, or ran last."""
        return self._plan.batch.tokens if self._plan else 0

    def requests_of_last_step(self) -> list[RequestHandle]:
        """The requests that the last planned step ran for, as far as they have not ended."""
        plan = self._plan
        handles = (
            {s.handle: None for s in (*plan.decode_rows, *plan.prefill_chunks)} if plan else {}
        )
        return [handle for handle in handles if self._output.is_open(handle)]

    def recover_from_out_of_memory(self, error: EngineError) -> None:
        """After a step for which memory ran out: end the youngest of its requests, and let the
        others compute the step again."""
        blamed = self.requests_of_last_step()
        self.fail([max(blamed, key=lambda handle: handle.accepted_at)] if blamed else [], error)
        if not self._advanced or self._plan is None:
            return  # nothing was counted as computed
        for sequence in {
            id(s): s for s in (*self._plan.decode_rows, *self._plan.prefill_chunks)
        }.values():
            if not self._output.is_open(sequence.handle) or sequence.slot < 0:
                continue
            if sequence.beam_group:  # half a step of a beam search cannot be taken back
                self.fail([sequence.handle], error)
            else:
                self.scheduler.preempt(sequence, keep=False)

    def probe(self) -> None:
        """Compute one token for nobody.

        Raises:
            Exception: whatever the runner raises: it is broken for good.
        """
        probe = self.scheduler.probe()
        if probe is not None:
            self._model.runner.run(probe)

    def _advance(self, plan: Plan) -> list[Sequence]:
        """Count what is in the cache now; returns the sequences that want a token."""
        sampled_sequences = []
        for sequence, row in zip(plan.decode_rows, plan.batch.decode_rows, strict=True):
            sequence.num_computed_tokens += 1
            if row.needs_logits:
                sampled_sequences.append(sequence)
        for sequence, chunk in zip(plan.prefill_chunks, plan.batch.prefill_chunks, strict=True):
            sequence.num_computed_tokens = chunk.start + len(chunk.tokens)
            if chunk.output is OutputKind.LOGITS:
                sampled_sequences.append(sequence)
        return sampled_sequences

    def _take_prompt_logprobs(self, plan: Plan, result: StepResult) -> None:
        """Report the prompt tokens of requests that ask for their scores."""
        scored = iter(result.target_logits)
        for sequence, chunk in zip(plan.prefill_chunks, plan.batch.prefill_chunks, strict=True):
            logits = next(scored) if chunk.logprob_targets else None
            with self._isolate_failures(sequence):
                if chunk.logprob_targets:
                    self._report_prompt_logprobs(sequence, chunk, logits)
                ended = chunk.start + len(chunk.tokens) == sequence.prompt_length
                if ended and sequence.detokenizer is not None and sequence.max_tokens == 0:
                    end = OutputDelta(sequence.index, "", (), (), FinishReason.LENGTH)
                    self._finish(sequence, [end])

    def _report_prompt_logprobs(self, sequence: Sequence, chunk: PrefillChunk, logits: Any) -> None:
        assert sequence.prompt_logprobs is not None
        scores = self._model.sampler.logprobs_of(
            logits, chunk.logprob_targets, sequence.prompt_logprobs
        )
        # A prompt sent back in its middle is computed again, but told once.
        new = tuple(scores[max(0, sequence.next_prompt_logprob - chunk.start - 1) :])
        sequence.next_prompt_logprob += len(new)
        if new and self._output.is_open(sequence.handle):
            self._output.add_event(sequence, PromptLogprobs(sequence.index, new))

    def _pool(self, plan: Plan, result: StepResult) -> None:
        """Add up embeddings; send those that are whole."""
        parts = iter(result.pooled)
        for sequence, chunk in zip(plan.prefill_chunks, plan.batch.prefill_chunks, strict=True):
            if chunk.output is not OutputKind.POOLED:
                continue
            part = next(parts)
            if not self._output.is_open(sequence.handle):
                continue  # another input of the same request has just failed
            sequence.pooled = part if sequence.pooled is None else sequence.pooled + part
            if chunk.start + len(chunk.tokens) == sequence.prompt_length:
                with self._isolate_failures(sequence):
                    vector = mean_pooled_embedding(sequence.pooled, sequence.prompt_length)
                    self._output.add_event(sequence, Embedding(sequence.index, vector))
                    self._output.finish_choice(sequence)
                    self.scheduler.remove(sequence)

    def _step_beams(self, sampled_sequences: list[Sequence], result: StepResult) -> None:
        """Let every beam search take its step: all its beams stand at the same length."""
        groups: dict[int, tuple[BeamGroup, dict[int, int]]] = {}
        for row, sequence in enumerate(sampled_sequences):
            if sequence.beam_group:
                _, rows = groups.setdefault(id(sequence.beam_group), (sequence.beam_group, {}))
                rows[id(sequence)] = row
        for group, rows in groups.values():
            with self._isolate_failures(group.lead):
                self._step_beam_group(
                    group, result.logits[[rows[id(each)] for each in group.members]]
                )

    def _step_beam_group(self, group: BeamGroup, logits: Any) -> None:
        """One beam search's step; logits: of its members, in their order."""
        members, search = group.members, group.search
        inputs = [member.sampling_input() for member in members]
        found = self._model.sampler.beam_step(
            logits, inputs, search.scores, search.wanted, search.least
        )
        if not found:
            self._fail_nan_logits(group.lead)
            return
        survivors = search.advance(found)
        self._observe_latency(group.lead, group.lead.last_token_at == 0)
        if not survivors:
            self._finish(group.lead, group.deltas())
            return
        for move in group.branch(survivors):
            self._model.runner.copy(move.source, move.target, move.start, move.end)
        self.scheduler.branch(members, group.members)

    def _sample(self, sampled_sequences: list[Sequence], result: StepResult) -> None:
        """One token for each sequence that is no beam."""
        rows = [row for row, sequence in enumerate(sampled_sequences) if not sequence.beam_group]
        if not rows:
            return
        rows, inputs = self._sampling_inputs(rows, sampled_sequences)
        if not rows:
            return
        sequences = [sampled_sequences[row] for row in rows]
        try:
            logits = result.logits if len(rows) == len(sampled_sequences) else result.logits[rows]
            for sequence, sampled in zip(
                sequences, self._model.sampler.sample(logits, inputs), strict=True
            ):
                with self._isolate_failures(sequence):
                    self._append_token(sequence, sampled)
        except MemoryError:
            raise
        except Exception:
            log.exception("choosing tokens failed; again, for one request at a time")
            self._sample_one_by_one(rows, sequences)

    def _sampling_inputs(
        self, rows: list[int], sampled_sequences: list[Sequence]
    ) -> tuple[list[int], list[SamplingInput]]:
        """What the sampler has to know of the rows, those left out whose schema broke."""
        inputs: dict[int, SamplingInput] = {}
        for row in rows:
            with self._isolate_failures(sampled_sequences[row]):
                inputs[row] = sampled_sequences[row].sampling_input()
        return list(inputs), list(inputs.values())

    def _sample_one_by_one(self, rows: list[int], sequences: list[Sequence]) -> None:
        """As `_sample`, from logits computed again: the sampler changes them in place. Before
        beams move in the cache, so that this writes what is there already."""
        assert self._plan is not None
        logits = self._model.runner.run(self._plan.batch).logits
        for row, sequence in zip(rows, sequences, strict=True):
            with self._isolate_failures(sequence):
                (sampled,) = self._model.sampler.sample(logits[[row]], [sequence.sampling_input()])
                self._append_token(sequence, sampled)

    @contextmanager
    def _isolate_failures(self, sequence: Sequence) -> Iterator[None]:
        """What goes wrong inside costs this sequence's request, and no other."""
        try:
            yield
        except MemoryError:
            raise
        except ConstraintFailed:
            log.warning("the grammar of a schema broke a bound; its request fails")
            self.fail([sequence.handle], StructuredOutputFailed(_STRUCTURED_OUTPUT_FAILED))
        except Exception:
            log.exception("one request failed; the others go on")
            self.fail([sequence.handle], GenerationFailed("the server failed; try again"))

    def _append_token(self, sequence: Sequence, sampled: SampledToken) -> None:
        """Append one token to an answer and say so."""
        if sampled.token_id < 0:
            self._fail_nan_logits(sequence)
            return
        if not self._output.is_open(sequence.handle):
            return  # another choice of the same request has just failed
        self._observe_latency(sequence, sequence.num_generated_tokens == 0)
        self._metrics.generation_tokens += 1
        text, reason = sequence.append(sampled.token_id, self._model.eos_ids, sampled.logprob)
        logprobs = sequence.release_logprobs()
        delta = OutputDelta(sequence.index, text, (sampled.token_id,), logprobs, reason)
        if reason is None:
            self._output.add_event(sequence, delta)
        else:
            self._finish(sequence, [delta])

    def _observe_latency(self, sequence: Sequence, first: bool) -> None:
        now = time.monotonic()
        if first:
            self._metrics.time_to_first_token.observe(now - sequence.handle.accepted_at)
        else:
            self._metrics.inter_token_latency.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def _fail_nan_logits(self, sequence: Sequence) -> None:
        self.fail([sequence.handle], GenerationFailed("the model's output is not a number"))

    def _finish(self, sequence: Sequence, deltas: list[OutputDelta]) -> None:
        if not self._output.is_open(sequence.handle):
            return  # another choice of the same request has just failed
        self._output.finish(sequence, deltas)
        self.scheduler.remove(sequence)

    def _report_progress(self, plan: Plan) -> None:
        for sequence in plan.prefill_chunks:
            if sequence.is_prefilling:
                done = Progress(0, sequence.num_computed_tokens, sequence.prompt_length)
                self._output.add_event(sequence, done)
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_INTERVAL_S:
            self._progress_at = now
            for ahead, sequence in enumerate(self.scheduler.waiting()):
                if ahead:
                    self._output.add_event(sequence, Progress(queued=ahead))
