"""A series of benchmarks that goes on where it was cut short."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import verification
from benchmarks.kept_runs import KeptRuns
from benchmarks.quality_results import quality_of, shown
from benchmarks.revision import machine, revision
from benchmarks.verification import TABLE, planned, run_all


def test_what_was_measured_is_kept_for_its_code_and_machine(tmp_path: Path) -> None:
    path = tmp_path / "build/kept.json"
    kept = KeptRuns(path, "abc", "this machine")
    assert kept.get("limits") is None
    kept.put("limits", {"read": 1.0})
    assert KeptRuns(path, "abc", "this machine").get("limits") == {"read": 1.0}
    assert KeptRuns(path, "abd", "this machine").get("limits") is None
    other = KeptRuns(path, "abc", "another")
    other.put("limits", {"read": 2.0})
    assert KeptRuns(path, "abc", "this machine").get("limits") == {"read": 1.0}


def test_only_what_is_missing_is_run_and_a_failure_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def measure(name: str, *arguments: str) -> dict[str, object]:
        ran.append(name)
        if name == "b" and ran.count("b") == 1:
            raise subprocess.CalledProcessError(1, name)
        return {"benchmark": name}

    monkeypatch.setattr(verification, "measure", measure)
    kept = KeptRuns(tmp_path / "kept.json", "abc", "machine")
    runs = [("a",), ("b",), ("c", "--flag")]
    assert run_all(runs, kept) == ["b"]
    assert run_all(runs, kept) == []
    assert ran == ["a", "b", "c", "b"]
    assert kept.get("c --flag") == {"benchmark": "c"}


def test_the_table_has_every_precision_beside_its_peer_with_and_without_avx512() -> None:
    online = [run for run in planned(False, False, llama=True) if run[0] == "online"]
    assert len(online) == len(set(online)) == 8
    assert sum("--avx2" in run for run in online) == 4
    assert planned(False, False, llama=True) == list(TABLE)
    alone = planned(True, True, llama=False)
    assert ("quality",) in alone
    assert not any("--peers" in run for run in alone)


def test_the_quality_of_other_code_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    losses = {"mean_loss": 0.004, "worst_loss": 0.01, "top_1": 0.95, "texts": {}}
    models = {"jittered": {"precisions": {"8bit": losses}}}
    servers = ("16bit", "8bit", "llama-q8_0")
    assert quality_of(servers, path) == {"8bit": None, "llama-q8_0": None}
    path.write_text(json.dumps({"revision": "old", "models": models}))
    assert quality_of(servers, path) == {"8bit": None, "llama-q8_0": None}
    path.write_text(json.dumps({"revision": revision(), "models": models}))
    found = quality_of(servers, path)
    assert found == {"8bit": {"mean_loss": 0.004, "top_1": 0.95}, "llama-q8_0": None}
    assert [shown(found, each) for each in servers] == [
        "", "perplexity +0.40%, top-1 0.950", "not measured",
    ]  # fmt: skip


def test_a_machine_is_named() -> None:
    assert "cores" in machine()
    assert revision() == revision()
