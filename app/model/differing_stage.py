"""Finds the stage of a decoder whose results depend on the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.batch import Batch, StepResult
from app.model.runner import TorchRunner
from app.model.stages import StageName

#: Where the stages of all layers agree, and the logits do not.
HEAD = "final norm or lm_head"
NOT_REPEATED = "unknown kernel (the difference did not come again)"


def same_logits(alone: StepResult, batched: StepResult, row: int) -> bool:
    """Whether the first logits of `alone` are those of a row of `batched`, bit for bit, and so
    are the logits of the first chunk's other tokens, if `alone` has them."""
    pairs = [(alone.logits[0], batched.logits[row])]
    pairs += (
        zip(alone.target_logits[:1], batched.target_logits[:1], strict=True)
        if alone.target_logits
        else []
    )
    return all(_bits(one) == _bits(other) for one, other in pairs)


def differing_stage(runner: TorchRunner, alone: Batch, batched: Batch, row: int) -> str:
    """Compute both steps again, stage by stage. Returns the name of the first that differs.

    alone: one decode row, or one chunk; row: where it begins in `batched`.
    """
    one, result = _traced(runner, alone, 0, alone.tokens)
    other, batched_result = _traced(runner, batched, row, alone.tokens)
    for (layer, stage, bits), (_, _, others) in zip(one, other, strict=True):
        if bits != others:
            return f"{stage} of layer {layer}"
    return NOT_REPEATED if same_logits(result, batched_result, row) else HEAD


def _traced(
    runner: TorchRunner, batch: Batch, first: int, count: int
) -> tuple[list[tuple[int, StageName, int]], StepResult]:
    """Layer, stage and a hash of `count` rows of its result, for all stages of a step."""
    trace: list[tuple[int, StageName, int]] = []

    def observe(layer: int, stage: StageName, rows: Tensor) -> None:
        trace.append((layer, stage, hash(_bits(rows[first : first + count]))))

    return trace, runner.run(batch, observe)


def _bits(rows: Tensor) -> bytes:
    """Compared as bytes, NaN equals NaN and 0 differs from -0."""
    return rows.cpu().contiguous().view(torch.uint8).numpy().tobytes()
