"""OpenVINO GenAI in its own process, no HTTP: the same closed loop as `benchmarks.online`.

Knows nothing about servers, and imports nothing but the standard library and OpenVINO: it is run
by the Python of OpenVINO's virtual environment. The last line is one JSON document.

    build/peers/openvino/bin/python -m benchmarks.openvino_loop build/random-298m-openvino-fp32
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import openvino
import openvino_genai

PROMPT_TOKENS, NEW_TOKENS, VOCABULARY, CACHE_GB = 64, 64, 20000, 2


@dataclass(slots=True)
class Asked:
    """A request that runs."""

    handle: Any
    asked_s: float
    moments: list[float] = field(default_factory=list)
    tokens: int = 0

    def read(self) -> None:
        """Take what has come."""
        while self.handle.can_read():
            for output in self.handle.read().values():
                self.tokens += len(output.generated_ids)
            self.moments.append(time.monotonic())


def load(pipeline: Any, count: int, clients: int, seed: object) -> dict[str, float]:
    """`count` requests, `clients` at once."""
    draw = random.Random(repr(seed))
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample = NEW_TOKENS, True, False
    waiting = [
        openvino.Tensor([[draw.randrange(3, VOCABULARY) for _ in range(PROMPT_TOKENS)]])
        for _ in range(count)
    ]
    running: list[Asked] = []
    done: list[Asked] = []
    began = time.monotonic()
    while waiting or running:
        while waiting and len(running) < clients:
            number = count - len(waiting)
            handle = pipeline.add_request(number, waiting.pop(), config)
            running.append(Asked(handle, time.monotonic()))
        pipeline.step()
        for asked in running:
            asked.read()
        done += [asked for asked in running if asked.tokens >= NEW_TOKENS]
        running = [asked for asked in running if asked.tokens < NEW_TOKENS]
    wall = time.monotonic() - began
    return {
        "tokens_per_s": sum(asked.tokens for asked in done) / wall,
        "first_token_s": median(asked.moments[0] - asked.asked_s for asked in done),
    }


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description="OpenVINO GenAI under a closed loop.")
    parser.add_argument("model")
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="f32", help="f32 or bf16")
    arguments = parser.parse_args()
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size, scheduler.enable_prefix_caching = CACHE_GB, False
    properties = {
        "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
        "INFERENCE_PRECISION_HINT": arguments.precision,  # else bf16 wherever the CPU has it
    }
    pipeline = openvino_genai.ContinuousBatchingPipeline(
        arguments.model, scheduler, "CPU", properties
    )
    clients = [int(each) for each in arguments.clients.split(",")]
    load(pipeline, max(clients), max(clients), "warm-up")
    results = {}
    for count in clients:
        rounds = [
            load(pipeline, 2 * count, count, (count, each)) for each in range(arguments.rounds)
        ]
        results[str(count)] = {name: median(each[name] for each in rounds) for name in rounds[0]}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
