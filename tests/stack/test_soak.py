"""A little of the soak (tests/stack/soak.py), so that it keeps working."""

from __future__ import annotations

from pathlib import Path

from tests.stack.conftest import stack
from tests.stack.soak import Counting, check, plot, soak


def test_a_quarter_of_a_minute(tmp_path: Path) -> None:
    with stack() as found:
        worker = found.server.worker
        samples, results = soak(found, 0.25, Counting())
        print(results, check(samples, worker))
        assert set(results) >= {"right", "given up", "wrong", "slow"}
        plot(samples, tmp_path / "soak.png")
        assert (tmp_path / "soak.png").stat().st_size > 10_000
