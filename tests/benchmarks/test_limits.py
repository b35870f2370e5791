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


def test_a_peak_is_of_the_best_probe() -> None:
    assert FIRST.gemm_peak(quantized=False) == 100e9
    assert FIRST.gemm_peak(quantized=True) == 300e9


def test_more_than_all_of_a_limit_fails() -> None:
    assert share(1.0, 1.0, "limit") == 1.0
    with pytest.raises(LimitExceededError, match=r"1\.001e\+10/s is 100\.1% of the read bandwidth"):
        share(10.01e9, 10e9, "read bandwidth")


def test_stored_bytes_of_a_weight() -> None:
    assert stored_bytes(None) == 2
    assert 1 <= stored_bytes(8) < 1.2
    assert stored_bytes(4) == 4.625 / 8


def round_at(read_share: float, limits: Limits) -> seven_billion.Round:
    """Decode steps at this share of 10 GB/s, 4 rows at 5 GB/s, and a prompt at 60 GFLOP/s."""
    read = PARAMETERS * stored_bytes(None)
    speeds = {"1": read_share * 10e9 / read, "4": 4 * 5e9 / read}
    return seven_billion.Round(2 * LAYER_PARAMETERS * 256 / 60e9, speeds, limits)


def test_a_share_is_the_median_of_the_rounds_own() -> None:
    slow = Limits({"sum": 5e9}, {"torch": 60e9}, {"torch": 300e9})
    rounds = [round_at(0.6, FIRST), round_at(0.4, slow), round_at(0.5, FIRST)]
    found = seven_billion.figures(rounds, bits=None)
    assert found.read_shares == {"1": pytest.approx(0.6), "4": pytest.approx(0.5)}
    assert found.prefill_share == pytest.approx(0.6)
    assert found.tokens_per_s["4"] == pytest.approx(rounds[0].tokens_per_s["4"])
    with pytest.raises(LimitExceededError, match="read bandwidth"):
        seven_billion.figures([round_at(1.01, FIRST)], bits=None)


def test_seven_billion_says_its_share() -> None:
    run = {
        "benchmark": "seven_billion", "tokens_per_s": {"1": 4.0}, "peak_private_bytes": 8e9,
        "llama": {"Q8_0": {"1": 2.0}}, "read_shares": {"1": 0.87},
        "limits": [{"read": {"a": 22e9}}],
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
