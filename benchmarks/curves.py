"""What a decoded token costs as streams grow from 1 to 64, and as history grows from 100 to 2,000.

Knows nothing about servers; steps of the engine alone on the random 298 M model. Draws
docs/benchmarks/decode_cost.svg. The last line is one JSON document.

    python -m benchmarks.curves
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from app.engine.async_engine import AsyncEngine  # noqa: E402
from benchmarks import plots  # noqa: E402
from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish, median, table  # noqa: E402
from benchmarks.timed_runner import TimedRunner  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

STREAMS, STREAMS_HISTORY = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), 100
HISTORY, HISTORY_STREAMS = (100, 200, 400, 600, 800, 1000, 1250, 1500, 1750, 2000), (1, 8)
STEPS = 16


def step_ms(engine: AsyncEngine, timed: TimedRunner, streams: int, history: int) -> float:
    """A step's median. The streams are choices of one prompt, of which each computes only the
    last chunk, one in a step; the shorter prompts are the beginning of the longer ones."""
    done = len(timed.steps)
    ask(engine, greedy(random_ids(history, "history"), tokens=streams + STEPS, n=streams))
    return median(timed.decode_steps(streams, since=done)) * 1e3


def main() -> None:
    """Print two tables, draw them, and print one JSON line."""
    parser = argparse.ArgumentParser(description="Decode cost by streams and by history.")
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float16"))
    parser.add_argument("--plot", type=Path, default=Path("docs/benchmarks/decode_cost.svg"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    directory = write_model(arguments.model, torch.float16)
    by_streams: dict[str, list[tuple[float, float]]] = {}
    by_history: dict[str, list[tuple[float, float]]] = {}
    for name, eight_bit in (("16-bit", False), ("8-bit", True)):
        model = load_without_tokenizer(directory, LOAD_IN_8BIT=eight_bit)
        timed = TimedRunner(model.runner)
        engine = start(replace(model, runner=timed))
        rounds = range(arguments.rounds)
        by_streams[name] = [
            (n, median([step_ms(engine, timed, n, STREAMS_HISTORY) for _ in rounds]) / n)
            for n in STREAMS
        ]
        for n in HISTORY_STREAMS:
            by_history[f"{name}, {n} streams" if n > 1 else f"{name}, 1 stream"] = [
                (length, median([step_ms(engine, timed, n, length) for _ in rounds]) / n)
                for length in HISTORY
            ]
        engine.drain(0)
        del model, timed, engine  # one copy of the weights at a time
    for x, lines in (("streams", by_streams), ("history", by_history)):
        rows = [
            [str(points[0][0]), *(y for _, y in points)]
            for points in zip(*lines.values(), strict=True)
        ]
        print(table((x, *lines), rows), "ms a token", sep="\n")
    panels = (
        (f"{STREAMS_HISTORY} tokens of history", "streams", by_streams),
        ("as history grows", "tokens of history", by_history),
    )
    plots.curves(arguments.plot, panels, "ms a token")
    finish(
        "curves",
        {"rounds": arguments.rounds, "ms_by_streams": by_streams, "ms_by_history": by_history},
    )


if __name__ == "__main__":
    main()
