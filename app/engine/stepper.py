"""One step at a time: plan, run, sample, say what came of it.

Knows nothing about threads or where requests come from; lives on the engine's thread.
"""

from __future__ import annotations

import time
from collections import defaultdict

from app.engine.batch import Pick, StepResult, Want
from app.engine.errors import EngineError, GenerationFailed
from app.engine.ledger import Ledger
from app.engine.model import LoadedModel
from app.engine.scheduler import Plan, Scheduler
from app.engine.sequence import Sequence
from app.engine.ticket import Ticket
from app.engine.types import Delta, Event, FinishReason, Progress, PromptScores, Vector
from app.engine.vectors import normalised

#: Waiting requests hear how many are ahead of them this often.
PROGRESS_INTERVAL_S = 1.0


class Stepper:
    """Owns the scheduler and all sequences. Used by the engine thread only."""

    def __init__(self, model: LoadedModel, ledger: Ledger) -> None:
        self.scheduler = Scheduler(model.runner.slots, model.pool_tokens)
        self._model, self._ledger = model, ledger
        self._open: dict[Ticket, list[Sequence]] = {}
        self._events: defaultdict[Ticket, list[Event]] = defaultdict(list)
        self._progress_at = 0.0

    @property
    def tickets(self) -> list[Ticket]:
        """Requests not yet ended."""
        return list(self._open)

    @property
    def running_requests(self) -> int:
        """Requests of which at least one sequence holds a slot."""
        return len({sequence.ticket for sequence in self.scheduler.running})

    def accept(self, ticket: Ticket, sequences: list[Sequence]) -> None:
        """Queue a request's sequences."""
        self._open[ticket] = list(sequences)
        self._ledger.prompt_tokens += ticket.prompt_tokens
        self.scheduler.add(sequences)
        ahead = len(self.scheduler.waiting()) - 1
        if ahead:
            ticket.send((Progress(queued=ahead),))

    def drop_cancelled(self) -> None:
        """Give back the places of requests whose clients have gone."""
        for ticket in [ticket for ticket in self._open if ticket.cancelled]:
            self._close(ticket)
            self._ledger.cancelled += 1
            ticket.end()

    def fail(self, tickets: list[Ticket], error: EngineError) -> None:
        """End requests with an error."""
        for ticket in tickets:
            if ticket in self._open:
                self._close(ticket)
                self._ledger.failed += 1
                ticket.fail(error)

    def step(self) -> None:
        """Compute one batch, if there is work; `flush` then sends what it gave.

        Raises:
            Exception: whatever the runner or sampler raised; `blame` says for whom it ran.
        """
        for slot in self.scheduler.make_room():
            self._model.runner.release(slot)
            self._ledger.preemptions += 1
        plan = self.scheduler.plan()
        self._plan = plan
        if not plan.batch.tokens:
            return
        result = self._model.runner.run(plan.batch)
        asking = self._advance(plan)
        picks = (
            self._model.sampler.pick(result.logits, [s.draw() for s in asking]) if asking else []
        )
        self._ledger.steps += 1
        self._score(plan, result)
        self._pool(plan, result)
        for sequence, pick in zip(asking, picks, strict=True):
            self._take(sequence, pick)
        self._tell_progress(plan)

    def flush(self) -> None:
        """Send what the step gave: one put per request."""
        for ticket, events in self._events.items():
            ticket.send(tuple(events))
            if ticket not in self._open:
                ticket.end()
        self._events.clear()

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
                told = PromptScores(sequence.index, tuple(scores))
                self._events[sequence.ticket].append(told)
            ended = tile.start + len(tile.tokens) == sequence.prompt_length
            if ended and sequence.answer is not None and sequence.max_tokens == 0:
                self._finish(sequence, Delta(sequence.index, "", (), (), FinishReason.LENGTH))

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
                self._events[sequence.ticket].append(Vector(sequence.index, vector))
                self._leave(sequence)

    def _take(self, sequence: Sequence, pick: Pick) -> None:
        """Append one token to an answer and say so."""
        if pick.token_id < 0:
            self.fail([sequence.ticket], GenerationFailed("the model's output is not a number"))
            return
        if sequence.ticket not in self._open:
            return  # another choice of the same request has just failed
        assert sequence.answer is not None
        now = time.monotonic()
        self._time(sequence, now)
        token = pick.token_id
        sequence.tokens.append(token)
        if sequence.params.repetition_penalty != 1.0:
            sequence.seen.add(token)
        sequence.counts[token] = sequence.counts.get(token, 0) + 1
        self._ledger.generation_tokens += 1
        text, reason = self._extend(sequence, token)
        logprobs = (pick.logprob,) if pick.logprob else ()
        delta = Delta(sequence.index, text, (token,), logprobs, reason)
        if reason is None:
            self._events[sequence.ticket].append(delta)
        else:
            self._finish(sequence, delta)

    def _extend(self, sequence: Sequence, token: int) -> tuple[str, FinishReason | None]:
        """New text, and the reason if the answer ends with this token."""
        answer = sequence.answer
        assert answer is not None
        if token in self._model.eos_ids and not sequence.ignore_eos:
            return answer.finish()[0], FinishReason.STOP
        text, stopped = answer.push(token)
        if not stopped and sequence.generated >= sequence.max_tokens:
            rest, stopped = answer.finish()
            return text + rest, FinishReason.STOP if stopped else FinishReason.LENGTH
        return text, FinishReason.STOP if stopped else None

    def _time(self, sequence: Sequence, now: float) -> None:
        if sequence.generated == 0:
            self._ledger.time_to_first_token.observe(now - sequence.ticket.accepted_at)
        else:
            self._ledger.inter_token_latency.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def _finish(self, sequence: Sequence, delta: Delta) -> None:
        """Send an answer's last delta."""
        assert delta.finish_reason is not None
        self._ledger.finished[delta.finish_reason] += 1
        self._events[sequence.ticket].append(delta)
        self._leave(sequence)

    def _leave(self, sequence: Sequence) -> None:
        """A choice is complete; with the last of them so is its request."""
        self._release(sequence)
        rest = self._open[sequence.ticket]
        rest.remove(sequence)
        if not rest:
            del self._open[sequence.ticket]
            self._ledger.completed += 1

    def _close(self, ticket: Ticket) -> None:
        for sequence in self._open.pop(ticket):
            self._release(sequence)
        self._events.pop(ticket, None)

    def _release(self, sequence: Sequence) -> None:
        slot = self.scheduler.remove(sequence)
        if slot >= 0:
            self._model.runner.release(slot)

    def _tell_progress(self, plan: Plan) -> None:
        for sequence in plan.tiles:
            if sequence.prefilling:
                done = Progress(0, sequence.computed, sequence.prompt_length)
                self._events[sequence.ticket].append(done)
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_INTERVAL_S:
            self._progress_at = now
            for ahead, sequence in enumerate(self.scheduler.waiting()):
                if ahead:
                    self._events[sequence.ticket].append(Progress(queued=ahead))
