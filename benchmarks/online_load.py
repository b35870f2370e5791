"""The load that servers are compared under: 64-token prompts, 64 new tokens, streamed.

Knows nothing about which servers there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks.http_load import Load, closed_loop, open_loop
from benchmarks.prompts import Prompts, random_words
from benchmarks.report import median, quantile
from benchmarks.servers import Running, Server, busy_s

NEW_TOKENS = 64
ARRIVALS = 32  #: requests of an open loop
PATH = "/v1/completions"
#: Figures that are given with their spread over the rounds, (largest - smallest) / median.
WITH_SPREAD = ("tokens_per_s", "first_token_s")

#: Figures of a load by their names; of several loads by "1", "4" … clients or "2/s" arrivals.
Figures = dict[str, float]
ByLoad = dict[str, Figures]


def bodies(
    server: Server, count: int, seed: object, prompts: Prompts = random_words
) -> list[dict[str, object]]:
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
    return [fields | {"prompt": prompt} for prompt in prompts(count, seed)]


def figures(load: Load) -> Figures:
    """What one load says. The first token's time is that of the first text."""
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
    """Of each figure, and the spread of some."""
    middle = {name: median([each[name] for each in rounds]) for name in rounds[0]}
    spreads = {
        f"{name}_spread": (max(values) - min(values)) / middle[name]
        for name in WITH_SPREAD
        if (values := [each[name] for each in rounds])
    }
    return middle | spreads


#: A load by its name, run on a server that is ready; the number is the round's.
Loads = Mapping[str, Callable[[Running, int], Load]]


def loads(clients: Sequence[int], rates: Sequence[float], prompts: Prompts) -> Loads:
    """Closed loops of so many clients, 2 requests for each, and open loops of these rates."""

    def closed(count: int, target: Running, seed: int) -> Load:
        asked = bodies(target.server, 2 * count, (count, seed), prompts)
        return closed_loop(target.port, PATH, asked, count)

    def opened(rate: float, target: Running, seed: int) -> Load:
        asked = bodies(target.server, ARRIVALS, (rate, seed), prompts)
        return open_loop(target.port, PATH, asked, rate, seed)

    return {
        **{str(count): partial(closed, count) for count in clients},
        **{f"{rate:g}/s": partial(opened, rate) for rate in rates},
    }


def warm_up(target: Running, clients: int, prompts: Prompts) -> None:
    """One request for each client; it is not counted."""
    closed_loop(target.port, PATH, bodies(target.server, clients, "warm-up", prompts), clients)


def measure(targets: Sequence[Running], loads: Loads, rounds: int) -> dict[str, ByLoad]:
    """The medians of `rounds` by server and load.

    The servers take turns in each round, so that a machine that becomes slower or faster does so
    for all of them. Those that wait use no CPU time; `others_cpu` would show it.
    """
    found: dict[str, dict[str, list[Figures]]] = {
        target.server.name: {load: [] for load in loads} for target in targets
    }
    for each in range(rounds):
        for load, run in loads.items():
            for target in targets:
                measured = beside_others(target, partial(run, target, each))
                found[target.server.name][load].append(measured)
    return {
        server: {load: medians(rounds) for load, rounds in by_load.items()}
        for server, by_load in found.items()
    }


def beside_others(target: Running, load: Callable[[], Load]) -> Figures:
    """Figures of a load, and how many cores were busy with something else meanwhile."""
    others, began = busy_s() - target.cpu_s() - time.process_time(), time.monotonic()
    measured = load()
    spent = busy_s() - target.cpu_s() - time.process_time() - others
    return {**figures(measured), "others_cpu": spent / (time.monotonic() - began)}
