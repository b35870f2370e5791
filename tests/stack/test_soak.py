"""A short run of the soak test (tests/stack/soak.py)."""

from __future__ import annotations

from pathlib import Path

from tests.stack.conftest import running_stack
from tests.stack.soak import Counting, check, plot, soak


def test_a_quarter_of_a_minute(tmp_path: Path) -> None:
    with running_stack() as stack:
        worker = stack.server.worker
        samples, results = soak(stack, 0.25, Counting())
        print(results, check(samples, worker))
        assert set(results) >= {"right", "given up", "wrong", "slow"}
        plot(samples, tmp_path / "soak.png")
        assert (tmp_path / "soak.png").stat().st_size > 10_000
