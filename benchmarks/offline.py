"""Engine alone, no HTTP: decode speed at 1, 4 and 16 rows beside transformers' static batch.

Knows nothing about servers. Both sides run in this process in turn, the same model, the same
prompts, greedy, end-of-sequence ignored; medians of the ratios are what to quote. Nothing else
may run on the machine. The last line is one JSON document.

    python -m benchmarks.offline --model build/random-298m
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, GenerationConfig  # noqa: E402

from app.engine.async_engine import AsyncEngine  # noqa: E402
from app.engine.events import OutputDelta  # noqa: E402
from app.engine.token_ids import TokenIds  # noqa: E402
from benchmarks.engine_load import greedy, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish, median  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

PROMPT_TOKENS = 64


def prompts(rows: int) -> list[TokenIds]:
    """Random prompts, the same on every run."""
    return [random_ids(PROMPT_TOKENS, number) for number in range(rows)]


def ours(engine: AsyncEngine, rows: int, tokens: int) -> float:
    """Decoded tokens per second once all prompts are computed."""
    handle = engine.generate(greedy(*prompts(rows), tokens=tokens))
    counts = [0] * rows
    began: float | None = None
    left = 0
    while not handle.done:
        for event in handle.next_events(60):
            if isinstance(event, OutputDelta):
                counts[event.index] += len(event.token_ids)
        if began is None and all(counts):
            began, left = time.perf_counter(), rows * tokens - sum(counts)
    assert began is not None and sum(counts) == rows * tokens
    return left / (time.perf_counter() - began)


def theirs(model: torch.nn.Module, rows: int, tokens: int) -> float:
    """Decoded tokens per second of `generate` on one static batch, its prefill taken off."""
    ids = torch.tensor(prompts(rows))

    def seconds(count: int) -> float:
        began = time.perf_counter()
        settings = GenerationConfig(
            do_sample=False, pad_token_id=0, eos_token_id=None, max_new_tokens=count
        )
        out = model.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids), generation_config=settings
        )
        assert out.shape[1] == PROMPT_TOKENS + count
        return time.perf_counter() - began

    with torch.inference_mode():
        prefill = seconds(1)
        return rows * (tokens - 1) / (seconds(tokens) - prefill)


def compare(
    mine: Callable[[], float], other: Callable[[], float], runs: int
) -> tuple[float, float, float]:
    """Medians of both sides and of their ratio, run in turn after one warm-up each."""
    mine(), other()
    pairs = [(mine(), other()) for _ in range(runs)]
    return (
        median([a for a, _ in pairs]),
        median([b for _, b in pairs]),
        median([a / b for a, b in pairs]),
    )


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float32"))
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--load_in_8bit", action="store_true", help="our side in 8 bits")
    parser.add_argument("--rows", default="1,4,16")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    directory = write_model(arguments.model, getattr(torch, arguments.dtype))
    engine = start(load_without_tokenizer(directory, LOAD_IN_8BIT=arguments.load_in_8bit))
    reference = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    results = []
    print(f"{'rows':>4} {'westlake':>10} {'transformers':>13} {'ratio':>6}   tok/s, decode only")
    for rows in map(int, arguments.rows.split(",")):
        mine, other, ratio = compare(
            lambda rows=rows: ours(engine, rows, arguments.tokens),  # type: ignore[misc]
            lambda rows=rows: theirs(reference, rows, arguments.tokens),  # type: ignore[misc]
            arguments.runs,
        )
        print(f"{rows:>4} {mine:>10.1f} {other:>13.1f} {ratio:>6.2f}")
        results.append({"rows": rows, "westlake": mine, "transformers": other, "ratio": ratio})
    finish(
        "offline",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "checkpoint": arguments.dtype,
            "threads": torch.get_num_threads(),
            "runs": arguments.runs,
            "tokens": arguments.tokens,
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
