"""The training loop: cosine schedule, AdamW, checkpoints that a stopped run resumes from.

Knows nothing about what is in the batches, nor about the exported files.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from demo_model.model import answer_loss
from demo_model.tokenizer import Encoded

BatchSource = Callable[[int], Sequence[Encoded]]


@dataclass(frozen=True)
class Schedule:
    """All numbers of one run; a checkpoint of another schedule is not resumed."""

    steps: int
    warmup: int = 100
    peak: float = 3e-3
    floor: float = 1e-4
    weight_decay: float = 0.05
    seconds_between_checkpoints: float = 120.0

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.floor + (self.peak - self.floor) * 0.5 * (1 + math.cos(math.pi * done))


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
            loss = answer_loss(model, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        now = loss.item()
        recent = now if recent == 0.0 else 0.98 * recent + 0.02 * now
        progress.step = step + 1
        progress.tokens += sum(len(example.ids) for example in batch)
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
    weights = [p for p in model.parameters() if p.ndim > 1]
    scales = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": schedule.weight_decay},
        {"params": scales, "weight_decay": 0.0},
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
    if state["schedule"] != vars(schedule):
        raise SystemExit(f"{path} belongs to another schedule: remove it or choose another --run")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    print(f"resumed at step {state['progress']['step']}", flush=True)
    return Progress(**state["progress"])
