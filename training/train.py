"""The training loop: a schedule in steps, AdamW, checkpoints that a stopped run resumes from.

Knows nothing about what is in the batches, nor about the exported files.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from training.copying import Copies, copy_loss
from training.embedding import pair_loss
from training.loops import loop_loss
from training.model import answer_loss
from training.tokenizer import Encoded


@dataclass(frozen=True)
class Batch:
    """What one step learns from: answers, copies, pairs of sentences that mean the same, and
    prompts of one length that it answers by itself, to unlearn loops."""

    examples: Sequence[Encoded]
    pairs: Sequence[tuple[list[int], list[int]]] = ()
    copies: Copies | None = None
    prompts: Sequence[list[int]] = ()


BatchSource = Callable[[int], Batch]


@dataclass(frozen=True)
class Schedule:
    """All numbers of one run: the rate rises, stays at its peak, and falls at the end.

    The end may be moved as long as the fall has not begun: see `agrees`.
    """

    steps: int
    warmup: int = 100
    fall: int = 2400
    peak: float = 2e-3
    floor: float = 5e-5
    weight_decay: float = 0.05
    pair_weight: float = 0.1
    copy_weight: float = 0.2
    loop_weight: float = 0.3
    seconds_between_checkpoints: float = 120.0

    def rate(self, step: int) -> float:
        rising = (step + 1) / self.warmup
        falling = (self.steps - step) / self.fall
        return max(self.floor, self.peak * min(1.0, rising, falling))

    def agrees(self, other: "Schedule", steps: int) -> bool:
        """Whether the first `steps` steps are the same under both."""
        same = replace(self, steps=0, fall=1) == replace(other, steps=0, fall=1)
        return same and all(self.rate(step) == other.rate(step) for step in range(steps))


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def train(
    model: LlamaForCausalLM, batch_at: BatchSource, schedule: Schedule, checkpoint: Path
) -> Progress:
    """Runs until the schedule's end; `batch_at` must give the same batch for the same step."""
    optimizer = _optimizer(model, schedule)
    progress = _resume(model, optimizer, schedule, checkpoint)
    model.train()
    began, saved, recent = time.monotonic() - progress.seconds, time.monotonic(), 0.0
    for step in range(progress.step, schedule.steps):
        batch = batch_at(step)
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = told = answer_loss(model, batch.examples)
            if batch.pairs:
                loss = loss + schedule.pair_weight * pair_loss(model, batch.pairs)
            if batch.copies:
                loss = loss + schedule.copy_weight * copy_loss(model, batch.copies)
            if batch.prompts:
                loss = loss + schedule.loop_weight * loop_loss(model, batch.prompts)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        now = told.item()
        recent = now if recent == 0.0 else 0.98 * recent + 0.02 * now
        progress.step = step + 1
        progress.tokens += sum(len(example.ids) for example in batch.examples)
        progress.seconds = time.monotonic() - began
        if progress.step % 100 == 0:
            speed = progress.tokens / progress.seconds
            print(f"step {progress.step} loss {recent:.4f} {speed:.0f} tokens/s", flush=True)
        if time.monotonic() - saved > schedule.seconds_between_checkpoints:
            _save(model, optimizer, schedule, progress, checkpoint)
            saved = time.monotonic()
    _save(model, optimizer, schedule, progress, checkpoint)
    return progress


def _optimizer(model: LlamaForCausalLM, schedule: Schedule) -> torch.optim.AdamW:
    trained = [p for p in model.parameters() if p.requires_grad]
    weights = [p for p in trained if p.ndim > 1]
    scales = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": group, "weight_decay": decay}
        for group, decay in ((weights, schedule.weight_decay), (scales, 0.0))
        if group
    ]
    return torch.optim.AdamW(groups, lr=schedule.peak, betas=(0.9, 0.95), fused=True)


def _save(
    model: LlamaForCausalLM,
    optimizer: torch.optim.AdamW,
    schedule: Schedule,
    progress: Progress,
    path: Path,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": vars(schedule),
        "progress": vars(progress),
    }
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    fresh.replace(path)


def _resume(
    model: LlamaForCausalLM, optimizer: torch.optim.AdamW, schedule: Schedule, path: Path
) -> Progress:
    if not path.is_file():
        return Progress()
    state = torch.load(path, weights_only=True)
    if not schedule.agrees(Schedule(**state["schedule"]), state["progress"]["step"]):
        raise SystemExit(f"{path} belongs to another schedule: remove it or choose another --run")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    print(f"resumed at step {state['progress']['step']}", flush=True)
    return Progress(**state["progress"])
