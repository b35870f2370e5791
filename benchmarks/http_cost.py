"""CPU seconds a token costs over HTTP, beside what it costs the engine alone.

Knows nothing about speed: only processor time counts. 32 streams of the embedded model, first
through the server (all its processes), then through the same engine in this process, whose only
reader waits for 32 answers at once. The last line is one JSON document.

    python -m benchmarks.http_cost
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from app.engine.token_ids import TokenIds  # noqa: E402
from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.http_load import closed_loop  # noqa: E402
from benchmarks.report import finish, median  # noqa: E402
from benchmarks.servers import started, westlake  # noqa: E402
from config import EMBEDDED_MODEL  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

STREAMS, PROMPT_TOKENS, TOKENS = 32, 16, 200
VOCABULARY = 1000  #: ids below this are tokens of the embedded model


def prompts(seed: object) -> list[TokenIds]:
    """One for each stream."""
    return [random_ids(PROMPT_TOKENS, (seed, each), VOCABULARY) for each in range(STREAMS)]


def over_http(rounds: int, log: Path) -> list[float]:
    """CPU seconds a token of each round, after one that warms up."""
    found = []
    with started(westlake(Path(EMBEDDED_MODEL)), log) as server:
        server.wait_ready()
        for number in range(rounds + 1):
            bodies = [
                {
                    "model": "model", "prompt": list(prompt), "max_tokens": TOKENS,
                    "temperature": 0, "ignore_eos": True, "stream": True,
                    "stream_options": {"include_usage": True},
                }
                for prompt in prompts(number)
            ]  # fmt: skip
            before = server.cpu_s()
            load = closed_loop(server.port, "/v1/completions", bodies, STREAMS)
            spent = server.cpu_s() - before
            found.append(spent / sum(stream.tokens for stream in load.streams))
    return found[1:]


def engine_alone(rounds: int) -> list[float]:
    """The same, in this process."""
    engine = start(load_without_tokenizer(Path(EMBEDDED_MODEL)))
    found = []
    for number in range(rounds + 1):
        request = greedy(*prompts(number), tokens=TOKENS)
        before = time.process_time()
        ask(engine, request)
        found.append((time.process_time() - before) / (STREAMS * TOKENS))
    return found[1:]


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description="CPU seconds a token, over HTTP and without.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=Path, default=Path("build/http_cost.log"))
    arguments = parser.parse_args()
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    http = median(over_http(arguments.rounds, arguments.log))
    alone = median(engine_alone(arguments.rounds))
    print(
        f"{STREAMS} streams: {http * 1e6:.0f} us of CPU time a token over HTTP, "
        f"{alone * 1e6:.0f} us the engine alone: {http / alone:.2f} x"
    )
    finish(
        "http_cost",
        {
            "rounds": arguments.rounds,
            "streams": STREAMS,
            "http_us_per_token": http * 1e6,
            "engine_us_per_token": alone * 1e6,
            "ratio": http / alone,
        },
    )


if __name__ == "__main__":
    main()
