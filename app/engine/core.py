"""The engine's step: schedule a batch, run the model, sample tokens, process the output.

Runs on the engine's thread; `async_engine` hands requests over and calls `step` in a loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from app.engine.batch import OutputKind, SamplingInput, StepResult
from app.engine.beam_group import BeamGroup
from app.engine.cache_slots import EvictSlot
from app.engine.errors import EngineError
from app.engine.fairness import without_siblings
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.output_processor import OutputProcessor
from app.engine.plan import Plan
from app.engine.prefill_chunking import PrefillChunking
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.engine.types import Progress

log = logging.getLogger(__name__)


class EngineCore:
    """Owns the scheduler and all sequences. Used by the engine thread only."""

    def __init__(
        self,
        model: LoadedModel,
        metrics: EngineMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """clock: seconds; times the steps."""
        self._clock = clock
        self.scheduler = Scheduler(
            model.runner.slots,
            model.kv_cache_tokens,
            PrefillChunking.of(model.runner),
            model.prefix_reuse,
            model.step_times,
        )
        self._model, self._metrics = model, metrics
        self._output = OutputProcessor(model, self.scheduler, metrics)
        self._buffer = self._output.buffer
        self._plan: Plan | None = None
        self._advanced = False  #: the last plan's tokens are counted as computed

    @property
    def handles(self) -> list[RequestHandle]:
        """Requests not yet ended."""
        return self._buffer.handles

    @property
    def running_requests(self) -> int:
        """Requests of which at least one sequence has a slot."""
        return len({sequence.handle for sequence in self.scheduler.running})

    @property
    def planned_tokens(self) -> int:
        """Tokens of the step that is computed now, or was last."""
        return self._plan.batch.tokens if self._plan else 0

    # --- requests

    def accept(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Queue a request's sequences."""
        self._buffer.open(handle, sequences)
        self.scheduler.add(sequences)
        ahead = len(self.scheduler.waiting()) - 1
        if ahead:
            handle.send((Progress(queued=ahead),))

    def reserve(self, handle: RequestHandle) -> None:
        """Open a request whose grammar is still being compiled; `begin` or `fail` follows."""
        self._buffer.reserve(handle)

    def begin(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Queue a reserved request's sequences, unless it has ended meanwhile."""
        if self._buffer.is_open(handle):
            self.accept(handle, sequences)

    def drop_cancelled(self) -> None:
        """End cancelled requests and free their slots."""
        for handle in self._buffer.handles:
            if handle.cancelled:
                for sequence in self._buffer.cancel(handle):
                    self.scheduler.remove(sequence)

    def fail(self, handles: list[RequestHandle], error: EngineError) -> None:
        """End requests with an error."""
        self._output.fail(handles, error)

    # --- a step

    def step(self) -> bool:
        """Compute one batch; `flush` then sends its events. Returns False when there was nothing
        to compute.

        Raises:
            Exception: from the runner or the sampler; see `requests_of_last_step`.
        """
        self.scheduler.preempt_for_cache_space()
        self._plan = plan = self.scheduler.plan()
        self._apply_cache_ops(plan)
        self._metrics.preemptions = self.scheduler.preemptions
        queried, reused = self.scheduler.prefix_tokens
        self._metrics.prefix_queried_tokens, self._metrics.prefix_reused_tokens = queried, reused
        if not plan.batch.tokens:
            return False
        self._advanced = False
        began = self._clock()
        result = self._model.runner.run(plan.batch)
        with_logits = self._advance(plan)
        self._advanced = True
        self._metrics.steps += 1
        self._output.add_prompt_logprobs(plan, result.target_logits)
        self._output.add_embeddings(plan, result.pooled)
        self._sample(with_logits, result)
        self._step_beams(with_logits, result)
        self._model.step_times.observe(plan.load, self._clock() - began)
        self._output.report_progress(plan)
        return True

    def flush(self) -> None:
        """Send the events of the last steps."""
        self._buffer.flush()

    def requests_of_last_step(self) -> list[RequestHandle]:
        """The requests that the last planned step was for and that have not ended."""
        sequences = self._plan.sequences if self._plan else ()
        handles = {sequence.handle: None for sequence in sequences}
        return [handle for handle in handles if self._buffer.is_open(handle)]

    def recover_from_out_of_memory(self, error: EngineError) -> None:
        """After a step that ran out of memory: fail the youngest of its requests, and compute
        the step again for the others."""
        handles = self.requests_of_last_step()
        self.fail([max(handles, key=lambda handle: handle.accepted_at)] if handles else [], error)
        if not self._advanced or self._plan is None:
            return  # no token of the step is counted as computed
        for sequence in without_siblings(self._plan.sequences):
            lead = sequence.beam_group.lead if sequence.beam_group else sequence
            if self._buffer.is_open(lead.handle) and lead.slot >= 0:
                self.scheduler.preempt(lead, keep=False)

    def probe(self) -> None:
        """Compute one token without a request, to see whether the model works.

        Raises:
            Exception: from the runner: the model is broken.
        """
        batch = self.scheduler.probe()
        if batch is not None:
            self._model.runner.run(batch)

    def _apply_cache_ops(self, plan: Plan) -> None:
        runner = self._model.runner
        for op in plan.cache_ops:
            if isinstance(op, EvictSlot):
                runner.release(op.slot)
            else:
                runner.copy(op.source, op.target, op.start, op.end)

    def _advance(self, plan: Plan) -> list[Sequence]:
        """Count the tokens that are in the cache now. Returns the sequences with logits, in the
        order of the rows of `StepResult.logits`."""
        with_logits = []
        for sequence, row in zip(plan.decode_sequences, plan.batch.decode_rows, strict=True):
            sequence.num_computed_tokens += 1
            if row.needs_logits:
                with_logits.append(sequence)
        for sequence, chunk in plan.prefilled:
            sequence.num_computed_tokens = chunk.end
            if chunk.output is OutputKind.LOGITS:
                with_logits.append(sequence)
        return with_logits

    # --- sampling

    def _sample(self, with_logits: list[Sequence], result: StepResult) -> None:
        """Sample one token for each sequence that is not a beam."""
        rows = [row for row, sequence in enumerate(with_logits) if not sequence.beam_group]
        rows, inputs = self._sampling_inputs(rows, with_logits)
        if not rows:
            return
        sequences = [with_logits[row] for row in rows]
        try:
            logits = result.logits if len(rows) == len(with_logits) else result.logits[rows]
            tokens = self._model.sampler.sample(logits, inputs)
            for sequence, token in zip(sequences, tokens, strict=True):
                with self._output.isolate_failures(sequence):
                    self._output.append_token(sequence, token)
        except MemoryError:
            raise
        except Exception:
            log.exception("sampling failed; trying again, one request at a time")
            self._sample_one_by_one(rows, sequences)

    def _sampling_inputs(
        self, rows: list[int], with_logits: list[Sequence]
    ) -> tuple[list[int], list[SamplingInput]]:
        """The sampler's input for each row, without the rows whose grammar failed."""
        inputs: dict[int, SamplingInput] = {}
        for row in rows:
            with self._output.isolate_failures(with_logits[row]):
                inputs[row] = with_logits[row].sampling_input()
        return list(inputs), list(inputs.values())

    def _sample_one_by_one(self, rows: list[int], sequences: list[Sequence]) -> None:
        """Sample again after a failure, so that only the request that caused it fails.

        The batch is run again, because the sampler changes logits in place. This must come before
        `_step_beams`: until then the run writes the same values to the cache as before.
        """
        assert self._plan is not None
        logits = self._model.runner.run(self._plan.batch).logits
        for row, sequence in zip(rows, sequences, strict=True):
            with self._output.isolate_failures(sequence):
                (token,) = self._model.sampler.sample(logits[[row]], [sequence.sampling_input()])
                self._output.append_token(sequence, token)

    def _step_beams(self, with_logits: list[Sequence], result: StepResult) -> None:
        """Advance every beam search by one token. All beams of a group have the same length, so
        all of them are in the batch."""
        groups: dict[int, tuple[BeamGroup, dict[int, int]]] = {}
        for row, sequence in enumerate(with_logits):
            if group := sequence.beam_group:
                _, rows = groups.setdefault(id(group), (group, {}))
                rows[id(sequence)] = row
        for group, rows in groups.values():
            with self._output.isolate_failures(group.lead):
                member_rows = [rows[id(member)] for member in group.members]
                self._step_beam_group(group, result.logits[member_rows])

    def _step_beam_group(self, group: BeamGroup, logits: object) -> None:
        """logits: [beams, vocab], in the order of the group's members."""
        members, search = group.members, group.search
        inputs = [member.sampling_input() for member in members]
        candidates = self._model.sampler.beam_step(
            logits, inputs, search.scores, search.num_candidates, search.min_tokens_to_keep
        )
        if not candidates:
            self._output.fail_nan_logits(group.lead)
            return
        survivors = search.advance(candidates)
        self._output.observe_latency(group.lead, first=group.lead.last_token_at == 0)
        if not survivors:
            self._output.finish(group.lead, group.deltas())
            return
        for copy in group.reorder(survivors):
            self._model.runner.copy(copy.source, copy.target, copy.start, copy.end)
        self.scheduler.replace_beams(members, group.members)
