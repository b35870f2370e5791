"""Samples the logits of a step: one token for each sequence, one step of each beam search."""

from __future__ import annotations

import logging

from app.engine.batch import SamplingInput, StepResult
from app.engine.beam_group import BeamGroup
from app.engine.loaded_model import LoadedModel
from app.engine.output_processor import OutputProcessor
from app.engine.plan import Plan
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence

_log = logging.getLogger(__name__)


class StepSampling:
    """Used by the engine thread only. A failure ends the request that caused it."""

    def __init__(self, model: LoadedModel, scheduler: Scheduler, output: OutputProcessor) -> None:
        self._model, self._scheduler, self._output = model, scheduler, output

    def sample(self, plan: Plan, with_logits: list[Sequence], result: StepResult) -> None:
        """Hand the next tokens to the output. with_logits: the sequences of the rows of
        `result.logits`.

        Raises:
            Exception: from the sampler, or from the runner where a batch is run again.
        """
        self._sample_tokens(plan, with_logits, result)
        self._step_beams(with_logits, result)

    def _sample_tokens(self, plan: Plan, with_logits: list[Sequence], result: StepResult) -> None:
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
            _log.exception("sampling failed; trying again, one request at a time")
            self._sample_one_by_one(plan, rows, sequences)

    def _sampling_inputs(
        self, rows: list[int], with_logits: list[Sequence]
    ) -> tuple[list[int], list[SamplingInput]]:
        """The sampler's input for each row, without the rows whose grammar failed."""
        inputs: dict[int, SamplingInput] = {}
        for row in rows:
            with self._output.isolate_failures(with_logits[row]):
                inputs[row] = with_logits[row].sampling_input()
        return list(inputs), list(inputs.values())

    def _sample_one_by_one(self, plan: Plan, rows: list[int], sequences: list[Sequence]) -> None:
        """Sample again after a failure, so that only the request that caused it fails.

        The batch is run again, because the sampler changes logits in place. This must come before
        `_step_beams`: until then the run writes the same values to the cache as before.
        """
        logits = self._model.runner.run(plan.batch).logits
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
        self._scheduler.replace_beams(members, group.members)
