"""A 7 B LLaMA of random weights on a plain CPU box: load time, memory, speed.

Knows nothing about how a server works. The engine alone in this process; then, with `--peers`,
llama-server on the same shape over HTTP. The checkpoint takes 14 GB of disk and is written once,
the peers' forms of it 7 and 4 GB. The last line is one JSON document.

    python -m benchmarks.seven_billion --load_in_8bit --peers Q8_0,Q4_K_M
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.http_load import closed_loop  # noqa: E402
from benchmarks.memory import Peak  # noqa: E402
from benchmarks.online_load import PATH, bodies  # noqa: E402
from benchmarks.peers import Places, llama  # noqa: E402
from benchmarks.report import finish, listed, median  # noqa: E402
from benchmarks.servers import started  # noqa: E402
from benchmarks.seven_billion_model import PARAMETERS, write_checkpoint  # noqa: E402
from benchmarks.timed_runner import TimedRunner  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

PROMPT_TOKENS = 32
PEERS = ("Q8_0", "Q4_K_M")


def ours(arguments: argparse.Namespace) -> dict[str, object]:
    """The engine in this process; tokens a second of decode steps alone."""
    speeds = {}
    with Peak() as peak:
        began = time.perf_counter()
        model = load_without_tokenizer(arguments.model, LOAD_IN_8BIT=arguments.load_in_8bit)
        load_s = time.perf_counter() - began
        timed = TimedRunner(model.runner)
        engine = start(replace(model, runner=timed))
        for rows in map(int, listed(arguments.rows)):
            prompts = [random_ids(PROMPT_TOKENS, (rows, each)) for each in range(rows)]
            ask(engine, greedy(*prompts, tokens=arguments.tokens))
            speeds[str(rows)] = rows / median(timed.decode_steps(rows))
        engine.drain(0)
    read = PARAMETERS * (1 if arguments.load_in_8bit else 2)
    print(f"load {load_s:.0f} s, peak private memory {peak.bytes / 1e9:.2f} GB, {shown(speeds)}")
    return {
        "load_s": load_s,
        "peak_private_bytes": peak.bytes,
        "weight_bytes": read,
        "tokens_per_s": speeds,
    }


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
    found = ours(arguments)
    peers = {kind: theirs(kind, arguments) for kind in listed(arguments.peers)}
    finish("seven_billion", {"load_in_8bit": arguments.load_in_8bit, **found, "llama": peers})


if __name__ == "__main__":
    main()
