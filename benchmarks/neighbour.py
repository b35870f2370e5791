"""Throughput kept while another process keeps all cores busy.

Knows nothing about how. The neighbour multiplies matrices in float32 on as many threads as there
are cores; the server runs 4 clients of the random 298 M model over HTTP before, beside and after
it. The last line is one JSON document.

    python -m benchmarks.neighbour
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.http_load import closed_loop
from benchmarks.model_forms import Places
from benchmarks.online_load import PATH, bodies
from benchmarks.peers import OURS
from benchmarks.report import finish, median
from benchmarks.servers import Running, Server, started

CLIENTS = 4
#: Says a word once it is under way.
BUSY = """
import torch
a = torch.randn(1024, 1024)
print("busy", flush=True)
while True:
    a = torch.nn.functional.normalize(a @ a)
"""


@contextmanager
def neighbour() -> Iterator[None]:
    """It runs inside the block."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"busy\n"
        yield
    finally:
        process.kill()
        process.communicate()


def tokens_per_s(server: Server, target: Running, seed: object) -> float:
    """Of one load."""
    asked = bodies(server, 2 * CLIENTS, seed)
    return closed_loop(target.port, PATH, asked, CLIENTS).tokens_per_s


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description="Throughput beside another busy process.")
    parser.add_argument("--ours", default="16bit", choices=list(OURS))
    parser.add_argument("--models_dir", type=Path, default=Path("build"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    places = Places(Path("build/peers"), arguments.models_dir.resolve())
    server = OURS[arguments.ours](places)
    alone, beside = [], []
    with started(server, places.models / "neighbour.log") as target:
        target.wait_ready()
        tokens_per_s(server, target, "warm-up")
        for number in range(arguments.rounds):
            alone.append(tokens_per_s(server, target, ("alone", number)))
            with neighbour():
                beside.append(tokens_per_s(server, target, ("beside", number)))
    kept = median(beside) / median(alone)
    print(
        f"{CLIENTS} clients: {median(alone):.1f} tok/s alone, {median(beside):.1f} beside a busy "
        f"process: {kept:.0%} kept"
    )
    finish(
        "neighbour",
        {
            "server": server.name,
            "rounds": arguments.rounds,
            "clients": CLIENTS,
            "alone_tokens_per_s": median(alone),
            "beside_tokens_per_s": median(beside),
            "kept": kept,
        },
    )


if __name__ == "__main__":
    main()
