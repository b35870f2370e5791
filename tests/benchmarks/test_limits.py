"""Shares of what a machine can do: best of several probes, and never more than all of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from benchmarks import seven_billion
from benchmarks.limits import LimitExceededError, Limits, share, stored_bytes
from benchmarks.sentences import said
from benchmarks.seven_billion_model import LAYER_PARAMETERS, PARAMETERS

FIRST = Limits({"sum": 8e9, "panels": 10e9}, {"torch": 100e9}, {"torch": 300e9})
SECOND = Limits({"sum": 9e9, "panels": 7e9}, {"torch": 120e9}, {"torch": 200e9})


def test_each_probe_counts_with_its_faster_run() -> None:
    best = FIRST.best(SECOND)
    assert best == SECOND.best(FIRST)
    assert best == Limits({"sum": 9e9, "panels": 10e9}, {"torch": 120e9}, {"torch": 300e9})


def test_a_share_is_of_the_best_probe() -> None:
    assert FIRST.read_share(5e9) == 0.5
    assert FIRST.gemm_share(50e9, eight_bit=False) == 0.5
    assert FIRST.gemm_share(150e9, eight_bit=True) == 0.5
    assert share(1.0, 1.0, "limit") == 1.0


def test_more_than_all_of_a_limit_fails() -> None:
    with pytest.raises(LimitExceededError, match=r"1\.001e\+10/s is 100\.1% of the read bandwidth"):
        FIRST.read_share(10.01e9)
    with pytest.raises(LimitExceededError, match="GEMM peak"):
        FIRST.gemm_share(101e9, eight_bit=False)


def test_stored_bytes_of_a_weight() -> None:
    assert stored_bytes(eight_bit=False) == 2
    assert 1 <= stored_bytes(eight_bit=True) < 1.2


def test_seven_billion_says_its_share() -> None:
    read = PARAMETERS * stored_bytes(eight_bit=False)
    measured = seven_billion.Measured(60.0, 8 * 10**9, 2 * LAYER_PARAMETERS * 256 / 60e9,
                                      {"1": 6e9 / read, "4": 4 * 5e9 / read})  # fmt: skip
    used = seven_billion.shares(measured, FIRST, load_in_8bit=False)
    assert used.read_shares == {"1": pytest.approx(0.6), "4": pytest.approx(0.5)}
    assert used.prefill_share == pytest.approx(0.6)
    run = {
        "benchmark": "seven_billion", "tokens_per_s": {"1": 4.0}, "peak_private_bytes": 8e9,
        "llama": {"Q8_0": {"1": 2.0}}, "read_shares": {"1": 0.87}, "limits": {"read": {"a": 22e9}},
    }  # fmt: skip
    assert said(run) == (
        "7 B shape: 4.0 tok/s at 1 (87% of the 22.0 GB/s it can read, at 1), peak 8.0 GB; "
        "llama-server Q8_0 2.0 tok/s at 1."
    )


def test_limits_are_said_by_their_best_probes() -> None:
    assert said({"benchmark": "limits", **asdict(FIRST)}) == (
        "The most that probes reach on this machine: 10.0 GB/s read, 100 GFLOP/s in float32, "
        "300 GOP/s in 8 bits."
    )
