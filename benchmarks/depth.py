"""What a position deep in the context costs: prompt tokens and decoded tokens, by position.

Knows nothing about servers; steps of the runner alone on SmolLM2. A prompt as long as the context
is computed in steps of 256 tokens, so that the whole cache is written; then the steps at some
positions are repeated, and medians are shown. The last line is one JSON document.

    python -m benchmarks.depth --model build/smollm2
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk, Runner  # noqa: E402
from benchmarks.engine_load import random_ids  # noqa: E402
from benchmarks.report import finish, median, table  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

STEP_TOKENS, END = 256, 8192
PROMPT_POSITIONS = (0, 1792, 3840, 7680)
DECODE_POSITIONS = (16, 1000, 4000, 8000)
#: Decode steps for each prompt step, which takes a hundred times as long.
DECODE_STEPS = 8


def prompt_step(runner: Runner, start: int) -> Batch:
    """256 tokens of one prompt, in chunks as the scheduler cuts them."""
    tokens, size = random_ids(END, "depth"), runner.prefill_chunk_tokens
    borders = range(start, start + STEP_TOKENS, size)
    return Batch(
        (), tuple(PrefillChunk(0, at, tokens[at : at + size], OutputKind.NONE) for at in borders)
    )


def decode_step(position: int) -> Batch:
    """One row, without logits."""
    return Batch((DecodeRow(0, position, 5, False),), ())


def milliseconds(runner: Runner, batch: Batch) -> float:
    """The time of one step."""
    began = time.perf_counter()
    runner.run(batch)
    return 1e3 * (time.perf_counter() - began)


def by_position(runner: Runner, rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of prompt and of decode steps."""
    for start in range(0, END, STEP_TOKENS):
        runner.run(prompt_step(runner, start))
    steps = {
        "prompt_ms": ({at: prompt_step(runner, at) for at in PROMPT_POSITIONS}, rounds),
        "decode_ms": ({at: decode_step(at) for at in DECODE_POSITIONS}, rounds * DECODE_STEPS),
    }
    return {
        name: {
            str(at): median([milliseconds(runner, batch) for _ in range(times)])
            for at, batch in batches.items()
        }
        for name, (batches, times) in steps.items()
    }


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--kv_cache_dtype", choices=["float32", "float16"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cached = arguments.kv_cache_dtype or ("float16" if arguments.load_in_8bit else "float32")
    settings: dict[str, Any] = {
        "LOAD_IN_8BIT": arguments.load_in_8bit,
        "KV_CACHE_DTYPE": cached,
        "THREADS": arguments.threads,
        "MAX_MODEL_LEN": END,
    }
    runner = load_without_tokenizer(arguments.model, **settings).runner
    figures = by_position(runner, arguments.rounds)
    for name, label in (("prompt_ms", f"{STEP_TOKENS} prompt tokens"), ("decode_ms", "decode")):
        print(table(("at position", label), list(figures[name].items())), "ms", sep="\n")
    finish(
        "depth",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "kv_cache_dtype": cached,
            "threads": torch.get_num_threads(),
            "rounds": arguments.rounds,
            **figures,
        },
    )


if __name__ == "__main__":
    main()
