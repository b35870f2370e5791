"""Start to ready, and the private memory a server needs besides its weights and its cache.

Knows nothing about speed. The embedded model is started twice, the second start counts (files
are in the page cache then); Python's imports are part of it. The random 298 M model then serves
16 clients whose answers fill most of a cache of a given size. The last line is one JSON document.

    python -m benchmarks.start
"""

from __future__ import annotations

import argparse
from math import prod
from pathlib import Path

import torch
from safetensors import safe_open

from benchmarks.http_load import closed_loop
from benchmarks.memory import Peak
from benchmarks.online_load import PATH, bodies
from benchmarks.random_model import write_model
from benchmarks.report import finish, median, table
from benchmarks.servers import started, westlake
from config import EMBEDDED_MODEL

CACHE_MB, CLIENTS = 320, 16
MB = 1e6


def weight_bytes(directory: Path, eight_bit: bool) -> int:
    """Of the checkpoint's tensors, at the precision they are served in."""
    sizes = {"F32": 4, "F16": 2, "BF16": 2}
    total = 0
    for path in directory.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                part = file.get_slice(name)
                matrix = eight_bit and len(part.get_shape()) == 2
                total += prod(part.get_shape()) * (1 if matrix else sizes[part.get_dtype()])
    return total


def start_s(log: Path) -> float:
    """Seconds until the embedded model's server can answer."""
    with started(westlake(Path(EMBEDDED_MODEL)), log) as target:
        return target.wait_ready()


def memory(directory: Path, eight_bit: bool, log: Path) -> dict[str, float]:
    """Megabytes of a server of the model in `directory`, from its start through a load."""
    flags = ("--kv_cache_mb", str(CACHE_MB), *(("--load_in_8bit",) if eight_bit else ()))
    server = westlake(directory, *flags)
    with started(server, log) as target, Peak(target.pids) as peak:
        target.wait_ready()
        closed_loop(target.port, PATH, bodies(server, 2 * CLIENTS, "memory"), CLIENTS)
    weights = weight_bytes(directory, eight_bit)
    besides = peak.bytes - CACHE_MB * 2**20 - weights
    return {
        "peak_mb": peak.bytes / MB,
        "cache_mb": CACHE_MB * 2**20 / MB,
        "weights_mb": weights / MB,
        "over_20_percent_mb": (besides - 0.2 * weights) / MB,
        "over_10_percent_mb": (besides - 0.1 * weights) / MB,
    }


def main() -> None:
    """Print two small tables and one JSON line."""
    parser = argparse.ArgumentParser(description="Start to ready, and private memory.")
    parser.add_argument("--models_dir", type=Path, default=Path("build"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    models = arguments.models_dir.resolve()
    log = models / "start.log"
    start_s(log)
    starts = [start_s(log) for _ in range(arguments.rounds)]
    print(f"the embedded model is ready after {median(starts):.2f} s")
    measured = {}
    for name, dtype in (("16bit", torch.float16), ("float32", torch.float32), ("8bit", None)):
        kind = str(dtype or torch.float16).removeprefix("torch.")
        directory = write_model(models / f"random-298m-{kind}", dtype or torch.float16)
        measured[name] = memory(directory, dtype is None, log)
    columns = list(measured["16bit"])
    print(table(("weights", *columns), [[name, *m.values()] for name, m in measured.items()]))
    finish("start", {"rounds": arguments.rounds, "start_s": median(starts), "memory": measured})


if __name__ == "__main__":
    main()
