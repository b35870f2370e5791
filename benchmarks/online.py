"""This server and its peers, started one after the other, under the same load over HTTP.

Knows nothing about how a server works. 64-token prompts, 64 new tokens, greedy, end-of-sequence
ignored, streamed from /v1/completions; closed loop, 2 requests for each client, the median of
several rounds after one that warms up. `--rates` also lets requests arrive by chance. OpenVINO
GenAI runs in a process of its own, without HTTP. Nothing else may run on the machine. The last
line is one JSON document.

    python -m benchmarks.online --ours 16bit --peers vllm-fp32,llama-f32
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.online_load import ByLoad, measure
from benchmarks.peers import IN_PROCESS, OURS, PEERS, Places
from benchmarks.report import finish, listed, table
from benchmarks.servers import ROOT, Server, started

COLUMNS = ("tokens_per_s", "first_token_s", "gap_s", "gap_99_s", "client_cpu", "others_cpu")


def over_http(server: Server, arguments: argparse.Namespace) -> ByLoad:
    """Start it, load it and stop it."""
    with started(server, arguments.models_dir / f"{server.name}.log") as target:
        target.wait_ready()
        return measure(
            target,
            [int(count) for count in listed(arguments.clients)],
            [float(rate) for rate in listed(arguments.rates)],
            arguments.rounds,
        )


def in_process(command: tuple[str, ...], arguments: argparse.Namespace) -> ByLoad:
    """What a program that loads itself says in its last line."""
    flags = ("--clients", arguments.clients, "--rounds", str(arguments.rounds))
    done = subprocess.run(
        [*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    result: ByLoad = json.loads(done.stdout.splitlines()[-1])
    return result


def ratios(results: Mapping[str, ByLoad], key: str) -> dict[str, dict[str, float]]:
    """Ours over theirs of one figure, for each pair and load."""
    return {
        f"{mine} / {other}": {
            load: results[mine][load][key] / figures[key]
            for load, figures in results[other].items()
            if load in results[mine]
        }
        for mine in results
        if mine in OURS
        for other in results
        if other not in OURS
    }


def show(name: str, measured: ByLoad) -> None:
    """Print one server's table."""
    rows = [[load, *(each.get(key, "") for key in COLUMNS)] for load, each in measured.items()]
    print(table((name, *COLUMNS), rows), flush=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="This server beside its peers over HTTP.")
    parser.add_argument("--ours", default="16bit", help=", ".join(OURS))
    parser.add_argument("--peers", default="vllm-fp32", help=", ".join((*PEERS, *IN_PROCESS)))
    parser.add_argument("--peers_dir", type=Path, default=Path("build/peers"))
    parser.add_argument("--models_dir", type=Path, default=Path("build"))
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--rates", default="", help="arrivals a second, open loop: 1,2")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Print tables as they come, the ratios, and one JSON line."""
    arguments = parse()
    arguments.models_dir = arguments.models_dir.resolve()
    places = Places(arguments.peers_dir.resolve(), arguments.models_dir)
    runs: dict[str, Callable[[], ByLoad]] = {}
    for name in (*listed(arguments.ours), *listed(arguments.peers)):
        if name in IN_PROCESS:
            command = IN_PROCESS[name](places)
            runs[name] = lambda command=command: in_process(command, arguments)  # type: ignore[misc]
        else:
            server = (OURS | PEERS)[name](places)
            runs[name] = lambda server=server: over_http(server, arguments)  # type: ignore[misc]
    results = {}
    for name, run in runs.items():  # every form of the model is written by now
        results[name] = run()
        show(name, results[name])
    speed, wait = ratios(results, "tokens_per_s"), ratios(results, "first_token_s")
    for pair, by_load in speed.items():
        shown = (f"{load}: {ratio:.2f} x" for load, ratio in by_load.items())
        print(pair, *shown, sep="  ")
    finish(
        "online",
        {
            "rounds": arguments.rounds,
            "warm_up": "as many requests as the most clients",
            "arrival": "closed loop, 2 requests for each client; n/s: Poisson, 32 requests",
            "servers": results,
            "ratios": speed,
            "first_token_ratios": wait,
        },
    )


if __name__ == "__main__":
    main()
