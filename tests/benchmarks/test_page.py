"""Figures into the page: tables, what is drawn, and nothing else changed."""

from __future__ import annotations

import pytest

from benchmarks.page import BEGIN, END, online_tables, overview, panels, replaced
from benchmarks.sentences import eight_bits, said

RUN = {
    "benchmark": "online",
    "model": "smollm2",
    "avx2": True,
    "quality": {"8bit": {"mean_loss": 0.0045, "top_1": 0.9521}, "w8a8": None},
    "servers": {
        "16bit": {"1": {"tokens_per_s": 20.0}, "16": {"tokens_per_s": 120.4}},
        "vllm": {"1": {"tokens_per_s": 16.0}, "16": {"tokens_per_s": 100.0}, "2/s": {}},
    },
    "ratios": {"16bit / vllm": {"1": 1.25, "16": 1.204}},
}


def test_tables_and_ratios() -> None:
    lines = online_tables([RUN])
    assert lines[1] == "**SmolLM2-135M-Instruct, AVX2 masked**"
    assert "| 16bit | 16 | 120 |  |  |  |  |  |  |" in lines
    assert lines[-1] == "- 16bit / vllm: 1.25 × at 1, 1.20 × at 16"


def test_a_reduced_precision_stands_beside_its_cost_and_a_figure_beside_its_spread() -> None:
    speed = {"1": {"tokens_per_s": 40.0, "tokens_per_s_spread": 0.06}}
    lines = online_tables([RUN | {"servers": {"8bit": speed, "w8a8": speed, "16bit": speed}}])
    figures = "40 (± 3%) |  |  |  |  | "
    assert f"| 8bit | 1 | {figures} | perplexity +0.45%, top-1 0.952 |" in lines
    assert f"| w8a8 | 1 | {figures} | not measured |" in lines
    assert f"| 16bit | 1 | {figures} |  |" in lines


def test_depth_in_words() -> None:
    prompt, decode = {"0": 500.0, "7680": 1900.0}, {"16": 15.0, "8000": 25.04}
    run = {"benchmark": "depth", "kv_cache_dtype": "float16", "load_in_8bit": True}
    words = said(run | {"prompt_ms": prompt, "decode_ms": decode})
    assert words is not None and words.startswith("SmolLM2 in 8 bits ¹, KV cache in float16: 256")
    assert words.endswith("1900 at 7,680, a decoded token 15.0 ms at 16 and 25.0 at 8,000.")


def test_what_8_bits_cost_is_said_below_the_tables() -> None:
    losses = {"mean_loss": 0.004, "worst_loss": 0.011, "top_1": 0.951}
    quality = {"benchmark": "quality", "models": {"smollm2": {"precisions": {"8bit": losses}}}}
    assert "SmolLM2-135M-Instruct: 8bit +0.40% (+1.10%), 0.951." in eight_bits([RUN, quality])
    assert eight_bits([RUN]) == "¹ What 8 bits cost in quality was not measured in this run."


def test_a_readmes_rows_are_the_random_models_unmasked_and_each_server_once() -> None:
    loads = {clients: {"tokens_per_s": 20.0, "first_token_s": 0.5} for clients in ("1", "4", "16")}
    run = {"servers": {"16bit": loads, "8bit": loads}}
    runs = [RUN | run, {"model": "random-298m", "avx2": True, **run}, {"avx2": False, **run}, run]
    assert overview(runs) == ["| **Westlake**, float16 ¹ | 20 | 20 | 20 | 0.50 s |"]


def test_only_closed_loops_of_several_sizes_are_drawn() -> None:
    [(title, groups)] = panels([RUN])
    assert title == "SmolLM2-135M-Instruct, AVX2 masked: 16bit"
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
