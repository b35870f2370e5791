"""A 7 B LLaMA of random weights on a plain CPU box: load time, memory, speed.

Knows nothing about how a server works. The engine alone in this process, its speed also as a share
of what the machine can do (`benchmarks.limits`, before and after each round); then, with
`--peers`, llama-server on the same shape over HTTP. The checkpoint takes 14 GB of disk and is
written once, the peers' forms of it 7 and 4 GB. The last line is one JSON document.

    python -m benchmarks.seven_billion --load_in_8bit --peers Q8_0,Q4_K_M
    python -m benchmarks.seven_billion --load_in_4bit --peers Q4_0,Q4_K_M --rows 1,4,16

With `DISABLE_CPU_FEATURES=avx512f,avxvnni` in the environment and `--avx2`, both sides are
measured as on a CPU without AVX-512 and VNNI.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from app.engine.async_engine import AsyncEngine  # noqa: E402
from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.http_load import closed_loop  # noqa: E402
from benchmarks.limits import Limits, measure, share, stored_bytes  # noqa: E402
from benchmarks.memory import Peak  # noqa: E402
from benchmarks.model_forms import Places  # noqa: E402
from benchmarks.online_load import PATH, bodies  # noqa: E402
from benchmarks.peers import llama  # noqa: E402
from benchmarks.report import finish, listed, median  # noqa: E402
from benchmarks.servers import started  # noqa: E402
from benchmarks.seven_billion_model import (  # noqa: E402
    LAYER_PARAMETERS,
    PARAMETERS,
    write_checkpoint,
)
from benchmarks.timed_runner import TimedRunner  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

PROMPT_TOKENS, PREFILL_TOKENS = 32, 256
PEERS = ("Q8_0", "Q4_0", "Q4_K_M")


@dataclass(frozen=True, slots=True)
class Round:
    """The engine in this process, and the limits that were measured just before and after."""

    prefill_s: float  #: to the first token of PREFILL_TOKENS
    tokens_per_s: dict[str, float]  #: of decode steps alone, by rows
    limits: Limits


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one loaded model."""

    load_s: float
    peak_private_bytes: int
    rounds: list[Round]


def ours(arguments: argparse.Namespace) -> Measured:
    """Load it, and in each round run a prompt, then decode steps of each number of rows."""
    with Peak() as peak:
        began = time.perf_counter()
        model = load_without_tokenizer(
            arguments.model,
            LOAD_IN_8BIT=arguments.load_in_8bit,
            LOAD_IN_4BIT=arguments.load_in_4bit,
        )
        load_s = time.perf_counter() - began
        timed = TimedRunner(model.runner)
        engine = start(replace(model, runner=timed))
        rounds, limits = [], measure()
        for index in range(arguments.rounds):
            prefill_s, speeds = one_round(engine, timed, index, arguments)
            limits, before = measure(), limits
            rounds.append(Round(prefill_s, speeds, before.best(limits)))
        engine.drain(0)
    return Measured(load_s, peak.bytes, rounds)


def one_round(
    engine: AsyncEngine, timed: TimedRunner, index: int, arguments: argparse.Namespace
) -> tuple[float, dict[str, float]]:
    """Seconds to a prompt's first token, and tokens a second of decode steps by rows."""
    prompt = random_ids(PREFILL_TOKENS, index)
    prefill_s = ask(engine, greedy(prompt, tokens=1)).first_token_s
    speeds = {}
    for rows in map(int, listed(arguments.rows)):
        since = len(timed.steps)
        prompts = [random_ids(PROMPT_TOKENS, (index, rows, each)) for each in range(rows)]
        # Prompts are read a few at a time: the last one's first token must come before the first
        # one's last.
        ask(engine, greedy(*prompts, tokens=arguments.tokens + 2 * rows))
        speeds[str(rows)] = rows / median(timed.decode_steps(rows, since))
    return prefill_s, speeds


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of the rounds, and how much of the machine's limits the engine used."""

    prefill_s: float
    tokens_per_s: dict[str, float]
    weight_bytes: float  #: that a step reads
    read_shares: dict[str, float]  #: of the read bandwidth, in decode steps, by rows
    prefill_share: float  #: of the GEMM peak, in the prompt
    limits: list[Limits]  #: of the rounds


def figures(rounds: list[Round], bits: Literal[4, 8] | None) -> Figures:
    """A virtual machine's limits change from minute to minute, so a share is the median of the
    rounds' own. Raises LimitExceededError where that is over 1."""
    head = PARAMETERS - LAYER_PARAMETERS
    read = LAYER_PARAMETERS * stored_bytes(bits) + head * stored_bytes(bits and 8)
    operations = 2 * LAYER_PARAMETERS * PREFILL_TOKENS
    by_rows = list(rounds[0].tokens_per_s)
    read_limits = [max(each.limits.read.values()) for each in rounds]
    peaks = [each.limits.gemm_peak(quantized=bits is not None) for each in rounds]
    shares = {
        rows: median(
            [
                read * each.tokens_per_s[rows] / int(rows) / limit
                for each, limit in zip(rounds, read_limits, strict=True)
            ]
        )
        for rows in by_rows
    }
    prefill_shares = [
        operations / each.prefill_s / peak for each, peak in zip(rounds, peaks, strict=True)
    ]
    return Figures(
        median([each.prefill_s for each in rounds]),
        {rows: median([each.tokens_per_s[rows] for each in rounds]) for rows in by_rows},
        read,
        {rows: share(value, 1.0, "read bandwidth") for rows, value in shares.items()},
        share(median(prefill_shares), 1.0, "GEMM peak"),
        [each.limits for each in rounds],
    )


def write_gguf_as(kind: str, arguments: argparse.Namespace) -> Path:
    """The checkpoint for llama-server."""
    from benchmarks.gguf_alike_layers import write_rounded
    from benchmarks.gguf_model import write_gguf

    target: Path = arguments.model.with_name(f"{arguments.model.name}-{kind.lower()}.gguf")
    if kind.startswith("Q4"):
        tool = arguments.peers_dir / "llama/bin/llama-quantize"
        return write_rounded(arguments.model, target, kind, tool)
    return write_gguf(arguments.model, target, kind)


def theirs(kind: str, arguments: argparse.Namespace) -> dict[str, float]:
    """llama-server, tokens a second between the first token and the last."""
    places = Places(arguments.peers_dir.resolve(), arguments.model.parent, avx2=arguments.avx2)
    model = write_gguf_as(kind, arguments)
    clients = [int(rows) for rows in listed(arguments.rows)]
    server = llama(places, model, f"llama-{kind.lower()}", slots=max(clients))
    speeds = {}
    with started(server, arguments.model.parent / f"{server.name}.log") as target:
        target.wait_ready()
        for rows in clients:
            asked = [body | {"max_tokens": arguments.tokens} for body in bodies(server, rows, rows)]
            load = closed_loop(target.port, PATH, asked, rows)
            speeds[str(rows)] = rows / median([gap for each in load.streams for gap in each.gaps_s])
    print(f"llama-server {kind}: {shown(speeds)}")
    return speeds


def shown(speeds: dict[str, float]) -> str:
    """For people."""
    return ", ".join(f"{speed:.2f} tok/s at {rows}" for rows, speed in speeds.items())


def main() -> None:
    """Print what was measured and one JSON line."""
    parser = argparse.ArgumentParser(description="A 7 B shape, 55,296 tokens, on a CPU.")
    parser.add_argument("--model", type=Path, default=Path("build/random-7b"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--load_in_4bit", action="store_true")
    parser.add_argument("--avx2", action="store_true", help="the peers without AVX-512")
    parser.add_argument("--peers", default="", help=f"of llama-server: {', '.join(PEERS)}")
    parser.add_argument("--peers_dir", type=Path, default=Path("build/peers"))
    parser.add_argument("--rows", default="1,4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=12)
    arguments = parser.parse_args()
    write_checkpoint(arguments.model)
    measured = ours(arguments)
    bits: Literal[4, 8] | None = None
    if arguments.load_in_4bit or arguments.load_in_8bit:
        bits = 4 if arguments.load_in_4bit else 8
    found = figures(measured.rounds, bits)
    print(f"load {measured.load_s:.0f} s, peak {measured.peak_private_bytes / 1e9:.2f} GB private")
    print(f"{shown(found.tokens_per_s)}; {PREFILL_TOKENS} prompt tokens {found.prefill_s:.1f} s")
    percent = ", ".join(f"{share:.0%} at {rows}" for rows, share in found.read_shares.items())
    print(f"of the read bandwidth {percent}; of the GEMM peak {found.prefill_share:.0%}")
    peers = {kind: theirs(kind, arguments) for kind in listed(arguments.peers)}
    finish(
        "seven_billion",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "load_in_4bit": arguments.load_in_4bit,
            "avx2": arguments.avx2,
            "load_s": measured.load_s,
            "peak_private_bytes": measured.peak_private_bytes,
            **asdict(found),
            "llama": peers,
        },
    )


if __name__ == "__main__":
    main()
