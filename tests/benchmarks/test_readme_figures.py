"""The figures in both READMEs: those of docs/verification.json, and no 8-bit speed alone."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.page import BEGIN, END, overview
from tests.test_readme import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_the_figures_are_the_measured_ones(name: str) -> None:
    document = json.loads((ROOT / "docs/verification.json").read_text())
    online = [run for run in document["benchmarks"] if run["benchmark"] == "online"]
    block = PAGES[name].split(BEGIN)[1].split(END)[0].strip().splitlines()
    assert block[2:] == overview(online)


@pytest.mark.parametrize("name", PAGES)
def test_no_speed_of_8_bits_without_its_cost(name: str) -> None:
    for line in PAGES[name].splitlines():
        if "8bit" in line or "8 bits" in line or "8 位" in line:
            assert not re.search(r"\d+ *(tok|tokens|词元)/s", line), line
    figures = PAGES[name].split(BEGIN)[1].split(END)[0]
    assert not re.search("8bit|int8|W8A8|Q8_0", figures)
