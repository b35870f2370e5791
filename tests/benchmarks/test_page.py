"""Figures into the page: tables, what is drawn, and nothing else changed."""

from __future__ import annotations

import pytest

from benchmarks.page import BEGIN, END, online_tables, panels, replaced

RUN = {
    "benchmark": "online",
    "servers": {
        "16bit": {"1": {"tokens_per_s": 20.0}, "16": {"tokens_per_s": 120.4}},
        "vllm": {"1": {"tokens_per_s": 16.0}, "16": {"tokens_per_s": 100.0}, "2/s": {}},
    },
    "ratios": {"16bit / vllm": {"1": 1.25, "16": 1.204}},
}


def test_tables_and_ratios() -> None:
    lines = online_tables([RUN])
    assert "| 16bit | 16 | 120 |  |  |  |  |  |" in lines
    assert lines[-1] == "- 16bit / vllm: 1.25 × at 1, 1.20 × at 16"


def test_only_closed_loops_of_several_sizes_are_drawn() -> None:
    [(title, groups)] = panels([RUN])
    assert title == "16bit"
    assert groups == {
        "1 clients": {"16bit": 20.0, "vllm": 16.0},
        "16 clients": {"16bit": 120.4, "vllm": 100.0},
    }
    alone = {**RUN, "servers": {"16bit": {"16": {"tokens_per_s": 120.4}}}}
    assert panels([alone]) == []


def test_only_what_stands_between_the_marks_changes() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="unpack"):
        replaced("no marks", "new")
