"""What is freed while a model is loaded goes back to the system."""

from __future__ import annotations

import threading
from pathlib import Path

import torch

from app.model.allocation import own_mappings

BLOCK, BLOCKS = 2 * 2**20, 60


def anonymous_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def test_every_other_block_can_be_given_back() -> None:
    given: list[int] = []

    def load() -> None:  # on a thread of its own, as the engine does
        with own_mappings():
            torch.ones(2**25, dtype=torch.uint8)  # freed at once: what raises glibc's limit
            blocks = [torch.ones(BLOCK, dtype=torch.uint8) for _ in range(BLOCKS)]
            before = anonymous_bytes()
            del blocks[::2]
            given.append(before - anonymous_bytes())

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert given[0] > 0.9 * BLOCK * BLOCKS / 2
