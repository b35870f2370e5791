"""What start-up shows while weights load: bytes and the time left, on a terminal and in a log."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from app.checkpoint.check import check_without_memory
from app.model.loading import progress
from app.model.loading.load import load_weights
from app.model.loading.progress import LOG_EVERY_S, loading_progress
from config import Config
from tests.model.conftest import SaveModel


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.mark.parametrize("settings", [{}, {"LOAD_IN_4BIT": True}], ids=["full", "4-bit"])
@pytest.mark.parametrize("tied", [False, True])
def test_it_counts_the_checkpoints_bytes(
    save_model: SaveModel, settings: dict[str, Any], tied: bool
) -> None:
    directory = save_model("llama", "float16", tie_word_embeddings=tied).directory
    (directory / "tokenizer.json").touch()
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, **settings)
    checked, reports = check_without_memory(config), []
    with torch.inference_mode():
        load_weights(config, checked, lambda done, total: reports.append((done, total)))
    total = sum(tensor.end - tensor.begin for tensor in checked.tensors.tensors.values())
    assert {each for _, each in reports} == {total}
    done = [each for each, _ in reports]
    assert done == sorted(done) and done[0] == 0 and done[-1] == total
    assert len(set(done)) > 9 * checked.model.layers


def test_a_mapped_file_counts_too(save_model: SaveModel, tmp_path: Path) -> None:
    directory = save_model("llama", "float16").directory
    (directory / "tokenizer.json").touch()
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, CACHE_DIR=str(tmp_path))
    checked = check_without_memory(config)
    for _ in range(2):
        reports: list[tuple[int, int]] = []
        with torch.inference_mode():
            load_weights(config, checked, lambda *report, seen=reports: seen.append(report))
        assert reports[-1][0] == reports[-1][1] > 0


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with loading_progress() as report:
        for part in range(1, 4):
            report(part * 10**9, 4 * 10**9)
    shown = terminal.getvalue()
    assert "Loading weights" in shown and "/4.00G" in shown and "B/s" in shown


def test_lines_in_a_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(logging.getLogger("app"), "propagate", True)
    caplog.set_level(logging.INFO, "app")
    with loading_progress() as report:
        for tenth in range(11):
            report(tenth * 10**9, 10 * 10**9)
            now += LOG_EVERY_S / 2
    assert caplog.messages == [
        f"loaded {done}.00 of 10.00 GB of weights, {left} s left"
        for done, left in ((2, 20), (4, 15), (6, 10), (8, 5))
    ]
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]
