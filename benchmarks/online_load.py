"""The load that servers are compared under: 64-token prompts, 64 new tokens, streamed.

Knows nothing about which servers there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.http_load import Load, closed_loop, open_loop
from benchmarks.report import median, quantile
from benchmarks.servers import Running, Server, busy_s
from benchmarks.word_tokenizer import words

PROMPT_TOKENS, NEW_TOKENS = 64, 64
ARRIVALS = 32  #: requests of an open loop
PATH = "/v1/completions"

#: Figures of a load by their names; of several loads by "1", "4" … clients or "2/s" arrivals.
Figures = dict[str, float]
ByLoad = dict[str, Figures]


def bodies(server: Server, count: int, seed: object) -> list[dict[str, object]]:
    """Requests whose prompts share nothing with each other or with those of another seed."""
    fields: dict[str, object] = {
        "model": "model",
        "max_tokens": NEW_TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    fields = {k: v for k, v in {**fields, **server.fields}.items() if v is not None}
    return [fields | {"prompt": words(PROMPT_TOKENS, (seed, each))} for each in range(count)]


def figures(load: Load) -> Figures:
    """What one load says."""
    for stream in load.streams:
        if stream.tokens != NEW_TOKENS:
            raise RuntimeError(f"{stream.tokens} tokens instead of {NEW_TOKENS}")
    gaps = [gap for stream in load.streams for gap in stream.gaps_s]
    return {
        "tokens_per_s": load.tokens_per_s,
        "first_token_s": median([stream.first_token_s for stream in load.streams]),
        "gap_s": median(gaps),
        "gap_99_s": quantile(gaps, 0.99),
        "prompt_tokens": median([stream.prompt_tokens for stream in load.streams]),
        "client_cpu": load.client_cpu,
    }


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of each figure."""
    return {name: median([each[name] for each in rounds]) for name in rounds[0]}


def measure(target: Running, clients: Sequence[int], rates: Sequence[float], rounds: int) -> ByLoad:
    """The median of `rounds` for each number of clients and each rate of arrivals."""
    server = target.server
    most = max(clients)
    closed_loop(target.port, PATH, bodies(server, most, "warm-up"), most)

    def closed(count: int, seed: int) -> Load:
        asked = bodies(server, 2 * count, (count, seed))
        return closed_loop(target.port, PATH, asked, count)

    def opened(rate: float, seed: int) -> Load:
        asked = bodies(server, ARRIVALS, (rate, seed))
        return open_loop(target.port, PATH, asked, rate, seed)

    loads: dict[str, Callable[[int], Load]] = {
        **{str(count): partial(closed, count) for count in clients},
        **{f"{rate:g}/s": partial(opened, rate) for rate in rates},
    }
    return {
        name: medians([beside_others(target, partial(load, each)) for each in range(rounds)])
        for name, load in loads.items()
    }


def beside_others(target: Running, load: Callable[[], Load]) -> Figures:
    """Figures of a load, and how many cores were busy with something else meanwhile."""
    others, began = busy_s() - target.cpu_s() - time.process_time(), time.monotonic()
    measured = load()
    spent = busy_s() - target.cpu_s() - time.process_time() - others
    return {**figures(measured), "others_cpu": spent / (time.monotonic() - began)}
