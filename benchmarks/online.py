"""This server and its peers under the same load over HTTP, in turn.

Knows nothing about how a server works. 64-token prompts, 64 new tokens, greedy, end-of-sequence
ignored, streamed from /v1/completions; closed loop, 2 requests for each client. All servers run at
once and are loaded one after the other, in each of several rounds; medians and spreads are given.
`--rates` also lets requests arrive by chance. `--avx2`: as on a CPU without AVX-512. `--baseline`:
also the server of another checkout. OpenVINO GenAI runs in a process of its own, without HTTP.
Nothing else may run on the machine. The last line is one JSON document.

    python -m benchmarks.online --model smollm2 --ours 8bit --peers llama-q8_0
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.model_forms import MODELS, RANDOM, Places, checkpoint
from benchmarks.online_load import WITH_SPREAD, ByLoad, loads, measure, warm_up
from benchmarks.peers import IN_PROCESS, OURS, PEERS
from benchmarks.prompts import random_words, text_windows
from benchmarks.quality_results import QUALITY, quality_of, shown
from benchmarks.report import finish, listed, table
from benchmarks.servers import ROOT, Server, of_another_checkout, started

COLUMNS = ("tokens_per_s", "first_token_s", "gap_s", "gap_99_s", "client_cpu", "others_cpu")


def over_http(
    servers: list[Server], places: Places, arguments: argparse.Namespace
) -> dict[str, ByLoad]:
    """Start them all, load them in turn and stop them."""
    clients = [int(count) for count in listed(arguments.clients)]
    rates = [float(rate) for rate in listed(arguments.rates)]
    real = places.model != RANDOM
    prompts = text_windows(checkpoint(places, "float16")) if real else random_words
    with ExitStack() as stack:
        targets = []
        for server in servers:
            log = places.models / f"{server.name}.log"
            target = stack.enter_context(started(server, log))
            target.wait_ready()
            warm_up(target, max(clients), prompts)
            targets.append(target)
        return measure(targets, loads(clients, rates, prompts), arguments.rounds)


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


def show(name: str, measured: ByLoad, quality: str) -> None:
    """Print one server's table. quality: what its precision costs, for people."""
    rows = [
        [load, *(each.get(key, "") for key in COLUMNS)]
        + [f"{each[f'{key}_spread']:.0%}" if f"{key}_spread" in each else "" for key in WITH_SPREAD]
        for load, each in measured.items()
    ]
    header = (name, *COLUMNS, *(f"{key}_spread" for key in WITH_SPREAD))
    print(table(header, rows), *([f"quality: {quality}"] if quality else []), sep="\n", flush=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="This server beside its peers over HTTP.")
    parser.add_argument("--model", default=RANDOM, choices=MODELS)
    parser.add_argument("--ours", default="16bit", help=", ".join(OURS))
    parser.add_argument("--peers", default="llama-f16", help=", ".join((*PEERS, *IN_PROCESS)))
    parser.add_argument("--avx2", action="store_true", help="AVX-512 masked on both sides")
    parser.add_argument("--baseline", type=Path, help="another checkout, to stand beside this one")
    parser.add_argument("--peers_dir", type=Path, default=Path("build/peers"))
    parser.add_argument("--models_dir", type=Path, default=Path("build"))
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--rates", default="", help="arrivals a second, open loop: 1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quality", type=Path, default=QUALITY)
    return parser.parse_args()


def main() -> None:
    """Print tables, the ratios, and one JSON line."""
    arguments = parse()
    models_dir = arguments.models_dir.resolve()
    places = Places(arguments.peers_dir.resolve(), models_dir, arguments.model, arguments.avx2)
    names = (*listed(arguments.ours), *listed(arguments.peers))
    commands = {name: IN_PROCESS[name](places) for name in names if name in IN_PROCESS}
    servers = [(OURS | PEERS)[name](places) for name in names if name not in IN_PROCESS]
    if arguments.baseline is not None:
        ours = [server for server in servers if server.name in OURS]
        servers += [of_another_checkout(server, arguments.baseline) for server in ours]
    results = over_http(servers, places, arguments)
    results |= {name: in_process(command, arguments) for name, command in commands.items()}
    quality = quality_of(results, arguments.quality)
    for name, by_load in results.items():
        show(f"{name}, AVX2 masked" if arguments.avx2 else name, by_load, shown(quality, name))
    speed, wait = ratios(results, "tokens_per_s"), ratios(results, "first_token_s")
    for pair, ratio_by_load in speed.items():
        print(pair, *(f"{load}: {ratio:.2f} x" for load, ratio in ratio_by_load.items()), sep="  ")
    finish(
        "online",
        {
            "model": arguments.model,
            "avx2": arguments.avx2,
            "rounds": arguments.rounds,
            "warm_up": "as many requests as the most clients",
            "arrival": "closed loop, 2 requests for each client; n/s: Poisson, 32 requests",
            "servers": results,
            "quality": quality,
            "ratios": speed,
            "first_token_ratios": wait,
        },
    )


if __name__ == "__main__":
    main()
