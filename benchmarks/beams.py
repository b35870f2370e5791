"""What re-ordering 4 beams costs at 500 tokens of context, as a share of a decode step.

Knows nothing about servers; the engine alone on the random 298 M model. The last line is one
JSON document.

    python -m benchmarks.beams
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish  # noqa: E402
from benchmarks.timed_runner import TimedRunner  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

BEAMS, PROMPT_TOKENS, TOKENS = 4, 450, 60


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float16"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    model = load_without_tokenizer(write_model(arguments.model, torch.float16))
    timed = TimedRunner(model.runner)
    engine = start(replace(model, runner=timed))
    for number in range(arguments.runs):
        request = replace(greedy(random_ids(PROMPT_TOKENS, number), tokens=TOKENS), num_beams=BEAMS)
        ask(engine, request)
    steps = timed.decode_steps(BEAMS)
    moves = [copy.seconds for copy in timed.copies if copy.start >= PROMPT_TOKENS]
    step_s = sum(steps) / len(steps)
    share = sum(moves) / sum(steps)
    per_step = len(moves) / len(steps)
    print(
        f"{step_s * 1e3:.1f} ms a step of {BEAMS} beams; "
        f"{per_step:.2f} caches moved a step, {share:.1%} of its time"
    )
    finish(
        "beams",
        {
            "context": PROMPT_TOKENS + TOKENS,
            "steps": len(steps),
            "step_ms": step_s * 1e3,
            "moves_per_step": per_step,
            "share_of_a_step": share,
        },
    )


if __name__ == "__main__":
    main()
