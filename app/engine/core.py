"""The engine's step: schedule a batch, run the model, sample tokens, process the output.

Runs on the engine's thread; `async_engine` hands requests over and calls `step` in a loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.engine.batch import OutputKind
from app.engine.cache_slots import EvictSlot
from app.engine.errors import EngineError
from app.engine.events import Progress
from app.engine.fairness import without_siblings
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.output_processor import OutputProcessor
from app.engine.plan import Plan
from app.engine.prefill_chunking import PrefillChunking
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.engine.step_sampling import StepSampling


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
        self._sampling = StepSampling(model, self.scheduler, self._output)
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
        self._sampling.sample(plan, with_logits, result)
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
