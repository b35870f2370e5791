"""One step at a time: plan, run, sample, say what came of it.

Knows nothing about threads or where requests come from; lives on the engine's thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.engine.batch import Draw, Pick, StepResult, Tile, Want
from app.engine.beam_group import BeamGroup
from app.engine.cache_slots import Forget
from app.engine.errors import EngineError, GenerationFailed, StructuredOutputFailed
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import Ledger
from app.engine.output_buffer import Deliveries
from app.engine.pooling import normalised
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Plan, Scheduler
from app.engine.sequence import Sequence
from app.engine.types import Embedding, FinishReason, OutputDelta, Progress, PromptLogprobs
from app.structured_output.json_constraint import ConstraintFailed

log = logging.getLogger(__name__)

#: Waiting requests hear how many are ahead of them this often.
PROGRESS_INTERVAL_S = 1.0
_BROKEN = "the answer could not be kept to its schema to the end; simplify the schema"


class Stepper:
    """Owns the scheduler and all sequences. Used by the engine thread only."""

    def __init__(self, model: LoadedModel, ledger: Ledger) -> None:
        self.scheduler = Scheduler(
            model.runner.slots,
            model.pool_tokens,
            model.runner.prefill_chunk_tokens,
            model.prefix_reuse,
            model.pace,
        )
        self._model, self._ledger = model, ledger
        self._deliveries = Deliveries(ledger)
        self._progress_at = 0.0
        self._plan: Plan | None = None
        self._advanced = False  #: the last plan's batch was computed

    @property
    def handles(self) -> list[RequestHandle]:
        """Requests not yet ended."""
        return self._deliveries.handles

    @property
    def running_requests(self) -> int:
        """Requests of which at least one sequence holds a slot."""
        return len({sequence.handle for sequence in self.scheduler.running})

    def accept(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Queue a request's sequences."""
        self._deliveries.open(handle, sequences)
        self.scheduler.add(sequences)
        ahead = len(self.scheduler.waiting()) - 1
        if ahead:
            handle.send((Progress(queued=ahead),))

    def reserve(self, handle: RequestHandle) -> None:
        """Count a request in whose answer cannot begin yet; `accept` follows, or `fail`."""
        self._deliveries.reserve(handle)

    def begin(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """As `accept`, for a reserved request; nothing when it has ended meanwhile."""
        if self._deliveries.owes(handle):
            self.accept(handle, sequences)

    def drop_cancelled(self) -> None:
        """Give back the places of requests whose clients have gone."""
        for handle in self._deliveries.handles:
            if handle.cancelled:
                for sequence in self._deliveries.cancel(handle):
                    self.scheduler.remove(sequence)

    def fail(self, handles: list[RequestHandle], error: EngineError) -> None:
        """End requests with an error."""
        for handle in handles:
            if self._deliveries.owes(handle):
                for sequence in self._deliveries.fail(handle, error):
                    self.scheduler.remove(sequence, keep=False)

    def step(self) -> bool:
        """Compute one batch, if there is work; `flush` then sends what it gave. Returns False
        when there was nothing to compute.

        Raises:
            Exception: whatever the runner or sampler raised; `blame` says for whom it ran.
        """
        self.scheduler.make_room()
        self._plan = plan = self.scheduler.plan()
        self._work_on_cache(plan)
        self._ledger.preemptions = self.scheduler.preemptions
        self._ledger.prefix_queried_tokens = self.scheduler.queried_tokens
        self._ledger.prefix_reused_tokens = self.scheduler.reused_tokens
        if not plan.batch.tokens:
            return False
        self._advanced = False
        result = self._model.runner.run(plan.batch)
        asking = self._advance(plan)
        self._advanced = True
        self._ledger.steps += 1
        self._score(plan, result)
        self._pool(plan, result)
        self._pick(asking, result)
        self._extend_beams(asking, result)
        self._tell_progress(plan)
        return True

    def flush(self) -> None:
        """Send what the step gave."""
        self._deliveries.flush()

    def _work_on_cache(self, plan: Plan) -> None:
        runner = self._model.runner
        for work in plan.cache_work:
            if isinstance(work, Forget):
                runner.release(work.slot)
            else:
                runner.copy(work.source, work.target, work.start, work.end)

    @property
    def planned_tokens(self) -> int:
        """Rows of the step that runs now, or ran last."""
        return self._plan.batch.tokens if self._plan else 0

    def blame(self) -> list[RequestHandle]:
        """The requests that the last planned step ran for, as far as they have not ended."""
        plan = self._plan
        handles = {s.handle: None for s in (*plan.rows, *plan.tiles)} if plan else {}
        return [handle for handle in handles if self._deliveries.owes(handle)]

    def shed(self, error: EngineError) -> None:
        """After a step for which memory ran out: end the youngest of its requests, and let the
        others compute the step again."""
        blamed = self.blame()
        self.fail([max(blamed, key=lambda handle: handle.accepted_at)] if blamed else [], error)
        if not self._advanced or self._plan is None:
            return  # nothing was counted as computed
        for sequence in {id(s): s for s in (*self._plan.rows, *self._plan.tiles)}.values():
            if not self._deliveries.owes(sequence.handle) or sequence.slot < 0:
                continue
            if sequence.group:  # half a step of a beam search cannot be taken back
                self.fail([sequence.handle], error)
            else:
                self.scheduler.send_back(sequence, keep=False)

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
        asking = []
        for sequence, row in zip(plan.rows, plan.batch.rows, strict=True):
            sequence.computed += 1
            if row.wants_logits:
                asking.append(sequence)
        for sequence, tile in zip(plan.tiles, plan.batch.tiles, strict=True):
            sequence.computed = tile.start + len(tile.tokens)
            if tile.want is Want.LOGITS:
                asking.append(sequence)
        return asking

    def _score(self, plan: Plan, result: StepResult) -> None:
        """Report the prompt tokens of requests that ask for their scores."""
        scored = iter(result.scored)
        for sequence, tile in zip(plan.tiles, plan.batch.tiles, strict=True):
            logits = next(scored) if tile.targets else None
            with self._only(sequence):
                if tile.targets:
                    self._tell_scores(sequence, tile, logits)
                ended = tile.start + len(tile.tokens) == sequence.prompt_length
                if ended and sequence.answer is not None and sequence.max_tokens == 0:
                    end = OutputDelta(sequence.index, "", (), (), FinishReason.LENGTH)
                    self._finish(sequence, [end])

    def _tell_scores(self, sequence: Sequence, tile: Tile, logits: Any) -> None:
        assert sequence.scores is not None
        scores = self._model.sampler.score(logits, tile.targets, sequence.scores)
        # A prompt sent back in its middle is computed again, but told once.
        new = tuple(scores[max(0, sequence.scored - tile.start - 1) :])
        sequence.scored += len(new)
        if new and self._deliveries.owes(sequence.handle):
            self._deliveries.tell(sequence, PromptLogprobs(sequence.index, new))

    def _pool(self, plan: Plan, result: StepResult) -> None:
        """Add up embeddings; send those that are whole."""
        parts = iter(result.pooled)
        for sequence, tile in zip(plan.tiles, plan.batch.tiles, strict=True):
            if tile.want is not Want.POOL:
                continue
            part = next(parts)
            if not self._deliveries.owes(sequence.handle):
                continue  # another input of the same request has just failed
            sequence.pooled = part if sequence.pooled is None else sequence.pooled + part
            if tile.start + len(tile.tokens) == sequence.prompt_length:
                with self._only(sequence):
                    vector = normalised(sequence.pooled, sequence.prompt_length)
                    self._deliveries.tell(sequence, Embedding(sequence.index, vector))
                    self._deliveries.settle(sequence)
                    self.scheduler.remove(sequence)

    def _extend_beams(self, asking: list[Sequence], result: StepResult) -> None:
        """Let every beam search take its step: all its beams stand at the same length."""
        groups: dict[int, tuple[BeamGroup, dict[int, int]]] = {}
        for row, sequence in enumerate(asking):
            if sequence.group:
                _, rows = groups.setdefault(id(sequence.group), (sequence.group, {}))
                rows[id(sequence)] = row
        for group, rows in groups.values():
            with self._only(group.lead):
                self._extend(group, result.logits[[rows[id(each)] for each in group.members]])

    def _extend(self, group: BeamGroup, logits: Any) -> None:
        """One beam search's step; logits: of its members, in their order."""
        members, search = group.members, group.search
        draws = [member.draw() for member in members]
        found = self._model.sampler.extend(
            logits, draws, search.scores, search.wanted, search.least
        )
        if not found:
            self._fail_numbers(group.lead)
            return
        survivors = search.advance(found)
        self._time(group.lead, group.lead.last_token_at == 0)
        if not survivors:
            self._finish(group.lead, group.deltas())
            return
        for move in group.branch(survivors):
            self._model.runner.copy(move.source, move.target, move.start, move.end)
        self.scheduler.branch(members, group.members)

    def _pick(self, asking: list[Sequence], result: StepResult) -> None:
        """One token for each sequence that is no beam."""
        rows = [row for row, sequence in enumerate(asking) if not sequence.group]
        if not rows:
            return
        rows, draws = self._draws(rows, asking)
        if not rows:
            return
        sequences = [asking[row] for row in rows]
        try:
            logits = result.logits if len(rows) == len(asking) else result.logits[rows]
            for sequence, pick in zip(
                sequences, self._model.sampler.pick(logits, draws), strict=True
            ):
                with self._only(sequence):
                    self._take(sequence, pick)
        except MemoryError:
            raise
        except Exception:
            log.exception("choosing tokens failed; again, for one request at a time")
            self._pick_alone(rows, sequences)

    def _draws(self, rows: list[int], asking: list[Sequence]) -> tuple[list[int], list[Draw]]:
        """What the sampler has to know of the rows, those left out whose schema broke."""
        draws: dict[int, Draw] = {}
        for row in rows:
            with self._only(asking[row]):
                draws[row] = asking[row].draw()
        return list(draws), list(draws.values())

    def _pick_alone(self, rows: list[int], sequences: list[Sequence]) -> None:
        """As `_pick`, from logits computed again: the sampler changes them in place. Before
        beams move in the cache, so that this writes what is there already."""
        assert self._plan is not None
        logits = self._model.runner.run(self._plan.batch).logits
        for row, sequence in zip(rows, sequences, strict=True):
            with self._only(sequence):
                (pick,) = self._model.sampler.pick(logits[[row]], [sequence.draw()])
                self._take(sequence, pick)

    @contextmanager
    def _only(self, sequence: Sequence) -> Iterator[None]:
        """What goes wrong inside costs this sequence's request, and no other."""
        try:
            yield
        except MemoryError:
            raise
        except ConstraintFailed:
            log.warning("the grammar of a schema broke a bound; its request fails")
            self.fail([sequence.handle], StructuredOutputFailed(_BROKEN))
        except Exception:
            log.exception("one request failed; the others go on")
            self.fail([sequence.handle], GenerationFailed("the server failed; try again"))

    def _take(self, sequence: Sequence, pick: Pick) -> None:
        """Append one token to an answer and say so."""
        if pick.token_id < 0:
            self._fail_numbers(sequence)
            return
        if not self._deliveries.owes(sequence.handle):
            return  # another choice of the same request has just failed
        self._time(sequence, sequence.generated == 0)
        self._ledger.generation_tokens += 1
        text, reason = sequence.append(pick.token_id, self._model.eos_ids, pick.logprob)
        logprobs = sequence.told_logprobs()
        delta = OutputDelta(sequence.index, text, (pick.token_id,), logprobs, reason)
        if reason is None:
            self._deliveries.tell(sequence, delta)
        else:
            self._finish(sequence, [delta])

    def _time(self, sequence: Sequence, first: bool) -> None:
        now = time.monotonic()
        if first:
            self._ledger.time_to_first_token.observe(now - sequence.handle.accepted_at)
        else:
            self._ledger.inter_token_latency.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def _fail_numbers(self, sequence: Sequence) -> None:
        self.fail([sequence.handle], GenerationFailed("the model's output is not a number"))

    def _finish(self, sequence: Sequence, deltas: list[OutputDelta]) -> None:
        if not self._deliveries.owes(sequence.handle):
            return  # another choice of the same request has just failed
        self._deliveries.finish(sequence, deltas)
        self.scheduler.remove(sequence)

    def _tell_progress(self, plan: Plan) -> None:
        for sequence in plan.tiles:
            if sequence.prefilling:
                done = Progress(0, sequence.computed, sequence.prompt_length)
                self._deliveries.tell(sequence, done)
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_INTERVAL_S:
            self._progress_at = now
            for ahead, sequence in enumerate(self.scheduler.waiting()):
                if ahead:
                    self._deliveries.tell(sequence, Progress(queued=ahead))
