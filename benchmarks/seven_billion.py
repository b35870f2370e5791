"""A 7 B LLaMA of random weights on a plain CPU box: load time, memory, speed.

Knows nothing about how a server works. The engine alone in this process, its speed also as a share
of what the machine can do (`benchmarks.limits`, measured before and after); then, with `--peers`,
llama-server on the same shape over HTTP. The checkpoint takes 14 GB of disk and is written once,
the peers' forms of it 7 and 4 GB. The last line is one JSON document.

    python -m benchmarks.seven_billion --load_in_8bit --peers Q8_0,Q4_K_M
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.http_load import closed_loop  # noqa: E402
from benchmarks.limits import Limits, measure, stored_bytes  # noqa: E402
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
PEERS = ("Q8_0", "Q4_K_M")


@dataclass(frozen=True, slots=True)
class Measured:
    """The engine in this process."""

    load_s: float
    peak_private_bytes: int
    prefill_s: float  #: to the first token of PREFILL_TOKENS
    tokens_per_s: dict[str, float]  #: of decode steps alone, by rows


def ours(arguments: argparse.Namespace) -> Measured:
    """Load it, and run a prompt, then decode steps of each number of rows."""
    speeds = {}
    with Peak() as peak:
        began = time.perf_counter()
        model = load_without_tokenizer(arguments.model, LOAD_IN_8BIT=arguments.load_in_8bit)
        load_s = time.perf_counter() - began
        timed = TimedRunner(model.runner)
        engine = start(replace(model, runner=timed))
        prefill_s = ask(engine, greedy(random_ids(PREFILL_TOKENS, 0), tokens=1)).first_token_s
        for rows in map(int, listed(arguments.rows)):
            prompts = [random_ids(PROMPT_TOKENS, (rows, each)) for each in range(rows)]
            ask(engine, greedy(*prompts, tokens=arguments.tokens))
            speeds[str(rows)] = rows / median(timed.decode_steps(rows))
        engine.drain(0)
    return Measured(load_s, peak.bytes, prefill_s, speeds)


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the machine's limits the engine used."""

    weight_bytes: float  #: that a step reads
    read_shares: dict[str, float]  #: of the read bandwidth, in decode steps, by rows
    prefill_share: float  #: of the GEMM peak, in the prompt
    limits: Limits


def shares(measured: Measured, limits: Limits, load_in_8bit: bool) -> Shares:
    """What was measured beside the limits; raises LimitExceededError where it is more."""
    read = PARAMETERS * stored_bytes(load_in_8bit)
    by_rows = {
        rows: limits.read_share(read * speed / int(rows))
        for rows, speed in measured.tokens_per_s.items()
    }
    operations_per_s = 2 * LAYER_PARAMETERS * PREFILL_TOKENS / measured.prefill_s
    return Shares(read, by_rows, limits.gemm_share(operations_per_s, load_in_8bit), limits)


def write_gguf_as(kind: str, arguments: argparse.Namespace) -> Path:
    """The checkpoint for llama-server."""
    from benchmarks.gguf_model import write_gguf
    from benchmarks.gguf_q4_k_m import write_q4_k_m

    target: Path = arguments.model.with_name(f"{arguments.model.name}-{kind.lower()}.gguf")
    if kind == "Q4_K_M":
        tool = arguments.peers_dir / "llama/bin/llama-quantize"
        return write_q4_k_m(arguments.model, target, tool)
    return write_gguf(arguments.model, target, kind)


def theirs(kind: str, arguments: argparse.Namespace) -> dict[str, float]:
    """llama-server, tokens a second between the first token and the last."""
    places = Places(arguments.peers_dir.resolve(), arguments.model.parent)
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
    parser.add_argument("--peers", default="", help=f"of llama-server: {', '.join(PEERS)}")
    parser.add_argument("--peers_dir", type=Path, default=Path("build/peers"))
    parser.add_argument("--rows", default="1,4")
    parser.add_argument("--tokens", type=int, default=12)
    arguments = parser.parse_args()
    write_checkpoint(arguments.model)
    before = measure()
    measured = ours(arguments)
    used = shares(measured, before.best(measure()), arguments.load_in_8bit)
    print(f"load {measured.load_s:.0f} s, peak {measured.peak_private_bytes / 1e9:.2f} GB private")
    print(
        f"{shown(measured.tokens_per_s)}; {PREFILL_TOKENS} prompt tokens {measured.prefill_s:.1f} s"
    )
    percent = ", ".join(f"{share:.0%} at {rows}" for rows, share in used.read_shares.items())
    print(f"of the read bandwidth {percent}; of the GEMM peak {used.prefill_share:.0%}")
    peers = {kind: theirs(kind, arguments) for kind in listed(arguments.peers)}
    finish(
        "seven_billion",
        {
            "load_in_8bit": arguments.load_in_8bit,
            **asdict(measured),
            **asdict(used),
            "llama": peers,
        },
    )


if __name__ == "__main__":
    main()
