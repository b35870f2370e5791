"""Finds the kernel that gives a row other bits in company: the first stage whose results differ.

Knows nothing about which rows are worth trying.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.batch import Batch, StepResult
from app.model.runner import TorchRunner
from app.model.stages import StageName

#: Where the stages of all layers agree, and the logits do not.
HEAD = "final norm or lm_head"
NOT_REPEATED = "unknown kernel (the difference did not come again)"


def same_logits(alone: StepResult, together: StepResult, row: int) -> bool:
    """Whether the first logits of `alone` are those of a row of `together`, bit for bit, and so
    are the logits of the first chunk's other tokens, if `alone` has them."""
    pairs = [(alone.logits[0], together.logits[row])]
    pairs += zip(alone.scored[:1], together.scored[:1], strict=True) if alone.scored else []
    return all(_bits(one) == _bits(other) for one, other in pairs)


def differing_stage(runner: TorchRunner, alone: Batch, together: Batch, row: int) -> str:
    """Compute both steps again, stage by stage. Returns the name of the first that differs.

    alone: one decode row, or one chunk; row: where it begins in `together`.
    """
    mine, result = _traced(runner, alone, 0, alone.tokens)
    theirs, result_beside = _traced(runner, together, row, alone.tokens)
    for (layer, stage, bits), (_, _, others) in zip(mine, theirs, strict=True):
        if bits != others:
            return f"{stage} of layer {layer}"
    return NOT_REPEATED if same_logits(result, result_beside, row) else HEAD


def _traced(
    runner: TorchRunner, batch: Batch, first: int, count: int
) -> tuple[list[tuple[int, StageName, int]], StepResult]:
    """Layer, stage and a hash of `count` rows of its result, for all stages of a step."""
    trace: list[tuple[int, StageName, int]] = []

    def observe(layer: int, stage: StageName, rows: Tensor) -> None:
        trace.append((layer, stage, hash(_bits(rows[first : first + count]))))

    return trace, runner.run(batch, observe)


def _bits(rows: Tensor) -> bytes:
    """So that numbers that are none are compared too."""
    return rows.cpu().contiguous().view(torch.uint8).numpy().tobytes()
