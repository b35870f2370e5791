"""One step at a time: plan, run, sample, say what came of it.

Knows nothing about threads or where requests come from; lives on the engine's thread.
"""

from __future__ import annotations

import time

from app.engine.batch import Pick, StepResult, Want
from app.engine.beam_group import BeamGroup
from app.engine.deliveries import Deliveries
from app.engine.errors import EngineError, GenerationFailed
from app.engine.ledger import Ledger
from app.engine.model import LoadedModel
from app.engine.scheduler import Plan, Scheduler
from app.engine.sequence import Sequence
from app.engine.slots import Forget
from app.engine.ticket import Ticket
from app.engine.types import Delta, FinishReason, Progress, PromptScores, Vector
from app.engine.vectors import normalised

#: Waiting requests hear how many are ahead of them this often.
PROGRESS_INTERVAL_S = 1.0


class Stepper:
    """Owns the scheduler and all sequences. Used by the engine thread only."""

    def __init__(self, model: LoadedModel, ledger: Ledger) -> None:
        self.scheduler = Scheduler(model.runner.slots, model.pool_tokens, model.prefix_reuse)
        self._model, self._ledger = model, ledger
        self._deliveries = Deliveries(ledger)
        self._progress_at = 0.0

    @property
    def tickets(self) -> list[Ticket]:
        """Requests not yet ended."""
        return self._deliveries.tickets

    @property
    def running_requests(self) -> int:
        """Requests of which at least one sequence holds a slot."""
        return len({sequence.ticket for sequence in self.scheduler.running})

    def accept(self, ticket: Ticket, sequences: list[Sequence]) -> None:
        """Queue a request's sequences."""
        self._deliveries.open(ticket, sequences)
        self.scheduler.add(sequences)
        ahead = len(self.scheduler.waiting()) - 1
        if ahead:
            ticket.send((Progress(queued=ahead),))

    def drop_cancelled(self) -> None:
        """Give back the places of requests whose clients have gone."""
        for ticket in self._deliveries.tickets:
            if ticket.cancelled:
                for sequence in self._deliveries.cancel(ticket):
                    self.scheduler.remove(sequence)

    def fail(self, tickets: list[Ticket], error: EngineError) -> None:
        """End requests with an error."""
        for ticket in tickets:
            if self._deliveries.owes(ticket):
                for sequence in self._deliveries.fail(ticket, error):
                    self.scheduler.remove(sequence, keep=False)

    def step(self) -> bool:
        """Compute one batch, if there is work; `flush` then sends what it gave. Returns False
        when there was nothing to compute.

        Raises:
            Exception: whatever the runner or sampler raised; `blame` says for whom it ran.
        """
        self._ledger.preemptions += self.scheduler.make_room()
        self._plan = plan = self.scheduler.plan()
        self._work_on_cache(plan)
        self._ledger.prefix_queried_tokens = self.scheduler.queried_tokens
        self._ledger.prefix_reused_tokens = self.scheduler.reused_tokens
        if not plan.batch.tokens:
            return False
        result = self._model.runner.run(plan.batch)
        asking = self._advance(plan)
        self._ledger.steps += 1
        self._score(plan, result)
        self._pool(plan, result)
        self._extend_beams(asking, result)
        self._pick(asking, result)
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

    def blame(self) -> list[Ticket]:
        """The requests that the last planned step ran for."""
        return list({s.ticket: None for s in (*self._plan.rows, *self._plan.tiles)})

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
            if tile.targets:
                assert sequence.scores is not None
                logits = next(scored)
                scores = self._model.sampler.score(logits, tile.targets, sequence.scores)
                # A prompt sent back in its middle is computed again, but told once.
                new = tuple(scores[max(0, sequence.scored - tile.start - 1) :])
                sequence.scored += len(new)
                if new:
                    self._deliveries.tell(sequence, PromptScores(sequence.index, new))
            ended = tile.start + len(tile.tokens) == sequence.prompt_length
            if ended and sequence.answer is not None and sequence.max_tokens == 0:
                self._finish(sequence, [Delta(sequence.index, "", (), (), FinishReason.LENGTH)])

    def _pool(self, plan: Plan, result: StepResult) -> None:
        """Add up embeddings; send those that are whole."""
        parts = iter(result.pooled)
        for sequence, tile in zip(plan.tiles, plan.batch.tiles, strict=True):
            if tile.want is not Want.POOL:
                continue
            part = next(parts)
            sequence.pooled = part if sequence.pooled is None else sequence.pooled + part
            if tile.start + len(tile.tokens) == sequence.prompt_length:
                vector = normalised(sequence.pooled, sequence.prompt_length)
                self._deliveries.tell(sequence, Vector(sequence.index, vector))
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
            members, search = group.members, group.search
            logits = result.logits[[rows[id(member)] for member in members]]
            draws = [member.draw() for member in members]
            found = self._model.sampler.extend(
                logits, draws, search.scores, search.wanted, search.least
            )
            if not found:
                self._fail_numbers(group.lead)
                continue
            survivors = search.advance(found)
            self._time(group.lead, group.lead.last_token_at == 0)
            if not survivors:
                self._finish(group.lead, group.deltas())
                continue
            for move in group.branch(survivors):
                self._model.runner.copy(move.source, move.target, move.start, move.end)
            self.scheduler.branch(members, group.members)

    def _pick(self, asking: list[Sequence], result: StepResult) -> None:
        """One token for each sequence that is no beam."""
        rows = [row for row, sequence in enumerate(asking) if not sequence.group]
        if not rows:
            return
        logits = result.logits if len(rows) == len(asking) else result.logits[rows]
        sequences = [asking[row] for row in rows]
        picks = self._model.sampler.pick(logits, [sequence.draw() for sequence in sequences])
        for sequence, pick in zip(sequences, picks, strict=True):
            self._take(sequence, pick)

    def _take(self, sequence: Sequence, pick: Pick) -> None:
        """Append one token to an answer and say so."""
        if pick.token_id < 0:
            self._fail_numbers(sequence)
            return
        if not self._deliveries.owes(sequence.ticket):
            return  # another choice of the same request has just failed
        self._time(sequence, sequence.generated == 0)
        self._ledger.generation_tokens += 1
        text, reason = sequence.append(pick.token_id, self._model.eos_ids, pick.logprob)
        logprobs = sequence.told_logprobs()
        delta = Delta(sequence.index, text, (pick.token_id,), logprobs, reason)
        if reason is None:
            self._deliveries.tell(sequence, delta)
        else:
            self._finish(sequence, [delta])

    def _time(self, sequence: Sequence, first: bool) -> None:
        now = time.monotonic()
        if first:
            self._ledger.time_to_first_token.observe(now - sequence.ticket.accepted_at)
        else:
            self._ledger.inter_token_latency.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def _fail_numbers(self, sequence: Sequence) -> None:
        self.fail([sequence.ticket], GenerationFailed("the model's output is not a number"))

    def _finish(self, sequence: Sequence, deltas: list[Delta]) -> None:
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
