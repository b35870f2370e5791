"""What a grammar costs: tokens a second of answers that match one, beside free answers.

Knows nothing about servers. The same prompts, sampled with the same seed; both kinds in turn in one
process, medians of the ratios. The last line is one JSON document.

    python -m benchmarks.structured_output --model build/smollm2
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from app.build import load
from app.checkpoint.check import check_model
from app.engine.async_engine import AsyncEngine
from app.engine.events import OutputDelta
from app.engine.request import GenerationRequest, SamplingParams
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from benchmarks.engine_load import start
from benchmarks.report import finish, median, table
from config import Config

PROMPT = "Tell a story about a lake, number {}."
WORDS = r"([A-Za-z]{1,16}[,.]? )+"
OUTPUTS: dict[str, StructuredOutput] = {
    "regex": StructuredOutput(StructuredOutputKind.REGEX, WORDS),
    "json_schema": StructuredOutput(
        StructuredOutputKind.JSON_SCHEMA,
        '{"type": "array", "items": {"type": "string", "pattern": "^[a-z ]{9,40}$"},'
        ' "minItems": 99}',
    ),
    "grammar": StructuredOutput(
        StructuredOutputKind.GRAMMAR, 'start: line+\nline: "- " /[A-Z][a-z ,]{9,60}/ ".\\n"'
    ),
}


def tokens_per_second(engine: AsyncEngine, request: GenerationRequest) -> float:
    """Decoded tokens per second once all rows have their first token."""
    handle = engine.generate(request)
    counts = [0] * len(request.prompts)
    began: float | None = None
    left = 0
    while not handle.done:
        for event in handle.next_events(60):
            if isinstance(event, OutputDelta):
                counts[event.index] += len(event.token_ids)
        if began is None and all(counts):
            began, left = time.perf_counter(), -sum(counts)
    assert began is not None and request.max_tokens is not None
    assert sum(counts) == len(counts) * request.max_tokens, "an answer ended before its time"
    return (left + sum(counts)) / (time.perf_counter() - began)


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--load_in_8bit", action="store_true")
    arguments = parser.parse_args()
    config = Config(
        BASE_MODEL=str(arguments.model), ONLY_CPU=True, LOAD_IN_8BIT=arguments.load_in_8bit
    )
    engine = start(load(config, check_model(config)))
    free = GenerationRequest(
        tuple(engine.encode(PROMPT.format(number)) for number in range(arguments.rows)),
        SamplingParams(seed=1),
        max_tokens=arguments.tokens,
        min_tokens=arguments.tokens,
    )
    results = []
    for name, output in OUTPUTS.items():
        held = replace(free, structured_output=output)
        tokens_per_second(engine, free), tokens_per_second(engine, held)
        pairs = [
            (tokens_per_second(engine, free), tokens_per_second(engine, held))
            for _ in range(arguments.runs)
        ]
        results.append({
            "kind": name,
            "free": median([a for a, _ in pairs]),
            "held": median([b for _, b in pairs]),
            "ratio": median([b / a for a, b in pairs]),
        })  # fmt: skip
    print(table(["kind", "free tok/s", "held tok/s", "ratio"], [list(r.values()) for r in results]))
    finish(
        "structured_output",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "rows": arguments.rows,
            "tokens": arguments.tokens,
            "runs": arguments.runs,
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
