"""What re-ordering 4 beams costs at 500 tokens of context, as a share of a decode step.

Knows nothing about servers; the engine alone on the random 298 M model. The last line is one
JSON document.

    python -m benchmarks.beams
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from app.model.threads import bound_spinning

bound_spinning()  # before torch

import torch  # noqa: E402

from app.engine.batch import Batch, Runner, StepResult  # noqa: E402
from app.engine.types import GenerationRequest, SamplingParams  # noqa: E402
from benchmarks.loading import load_without_tokenizer  # noqa: E402
from benchmarks.offline import start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402

BEAMS, PROMPT_TOKENS, TOKENS = 4, 450, 60


class TimedRunner:
    """A runner that adds up the time of decode steps and of moved caches."""

    def __init__(self, runner: Runner) -> None:
        self.slots, self.positions = runner.slots, runner.positions
        self.bytes_per_token = runner.bytes_per_token
        self.steps, self.step_s, self.moves, self.move_s = 0, 0.0, 0, 0.0
        self._runner = runner

    def run(self, batch: Batch) -> StepResult:
        """Compute a batch; those of all beams and nothing else count."""
        began = time.perf_counter()
        result = self._runner.run(batch)
        if len(batch.rows) == BEAMS and not batch.tiles:
            self.steps += 1
            self.step_s += time.perf_counter() - began
        return result

    def release(self, slot: int) -> None:
        """As the runner does."""
        self._runner.release(slot)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy a cache; prompts, which are copied once, do not count."""
        began = time.perf_counter()
        self._runner.copy(source, target, start, end)
        if start >= PROMPT_TOKENS:
            self.moves += 1
            self.move_s += time.perf_counter() - began


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float16"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    model = load_without_tokenizer(write_model(arguments.model, torch.float16))
    timed = TimedRunner(model.runner)
    engine = start(replace(model, runner=timed))
    generator = torch.Generator().manual_seed(0)
    for _ in range(arguments.runs):
        prompt = torch.randint(3, 20000, (PROMPT_TOKENS,), generator=generator).tolist()
        request = GenerationRequest(
            (tuple(prompt),),
            SamplingParams(temperature=0),
            num_beams=BEAMS,
            max_tokens=TOKENS,
            ignore_eos=True,
        )
        ticket = engine.generate(request)
        while not ticket.done:
            ticket.next_events(60)
    share = timed.move_s / timed.step_s
    per_step = timed.moves / timed.steps
    print(
        f"{timed.step_s / timed.steps * 1e3:.1f} ms a step of {BEAMS} beams; "
        f"{per_step:.2f} caches moved a step, {share:.1%} of its time"
    )
    summary = {
        "benchmark": "beams",
        "context": PROMPT_TOKENS + TOKENS,
        "steps": timed.steps,
        "step_ms": timed.step_s / timed.steps * 1e3,
        "moves_per_step": per_step,
        "share_of_a_step": share,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
