"""Follows a plain stream from a process of its own: the one that asks and judges has no time.

`python -m tests.hostile_schemas.neighbour PORT` streams until its
input ends. It prints a line once it knows the usual wait between two tokens, and at the end all
waits since then, in usual ones.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

from tests.harness.client import COMPLETIONS, Client
from tests.harness.server import ROOT

ALONE = 100  #: waits that tell which one is usual
PATIENCE_S = 60.0
FIELDS = {"max_tokens": 900, "ignore_eos": True, "temperature": 0, "stream": True}


@contextmanager
def neighbour(port: int) -> Iterator[list[float]]:
    """While the block runs, a stream does; its waits are there when it has ended."""
    command = [sys.executable, "-m", "tests.hostile_schemas.neighbour", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    gaps: list[float] = []
    try:
        assert process.stdout.readline() == "ready\n", "the neighbour hears nothing"
        yield gaps
        printed, _ = process.communicate(timeout=PATIENCE_S)
        gaps += json.loads(printed)
    finally:
        process.kill()
        process.communicate()


def waits(port: int) -> Iterator[float]:
    """Seconds between the tokens of one stream after the other."""
    while True:
        with Client(port).open(COMPLETIONS, {"prompt": "你好", **FIELDS}) as opened:
            yield from (after - before for before, after in pairwise(opened.tokens()))


def main(port: int) -> None:
    """Stream until the standard input ends."""
    alone: list[float] = []
    found: list[float] = []
    for wait in waits(port):
        if len(alone) < ALONE:
            alone.append(wait)
            if len(alone) == ALONE:
                print("ready", flush=True)
            continue
        found.append(wait)
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    usual = median(alone)
    print(json.dumps([round(wait / usual, 2) for wait in found]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
