"""Puts the figures of docs/verification.json into docs/benchmarks.md and both READMEs.

Knows nothing about how they were measured.

    python -m benchmarks.page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.model_forms import RANDOM, SMOLLM2
from benchmarks.quality_results import shown
from benchmarks.sentences import eight_bits, said

BEGIN, END = "<!-- figures: written by python -m benchmarks.page -->", "<!-- end of figures -->"
PLOT = Path("benchmarks/throughput.svg")
#: What a README calls a server, and in what its weights are stored. Those that compute in 8 bits
#: are not here: a speed stands beside what it costs, as in docs/benchmarks.md.
NAMES = {
    "16bit": "**Westlake**, float16 ¹",
    "float32": "**Westlake**, float32",
    "llama-f16": "llama-server, float16",
    "vllm-fp32": "vLLM, float32",
    "llama-f32": "llama-server, float32",
    "openvino-fp32": "OpenVINO GenAI, float32 ²",
}
MODELS = {RANDOM: "random, 298 M", SMOLLM2: "SmolLM2-135M-Instruct"}
COLUMNS = {
    "tokens_per_s": "tokens/s",
    "first_token_s": "first text, s",
    "gap_s": "usual gap, s",
    "gap_99_s": "99 % of gaps, s",
    "client_cpu": "client's CPU",
    "others_cpu": "others' CPU",
}


def online_tables(runs: Iterable[dict[str, Any]]) -> list[str]:
    """A markdown table for each run of `benchmarks.online`, and its ratios."""
    lines = []
    for run in runs:
        header = ("server", "clients", *COLUMNS.values(), "quality ¹")
        lines += ["", f"**{titled(run)}**", "", f"| {' | '.join(header)} |"]
        lines.append("|---" * len(header) + "|")
        for server, loads in run["servers"].items():
            quality = shown(run.get("quality", {}), server)
            for load, figures in loads.items():
                cells = " | ".join(cell(figures, key) for key in COLUMNS)
                lines.append(f"| {server} | {load} | {cells} | {quality} |")
        lines.append("")
        for pair, ratios in run["ratios"].items():
            said = ", ".join(f"{ratio:.2f} × at {load}" for load, ratio in ratios.items())
            lines.append(f"- {pair}: {said}")
    return lines


def titled(run: dict[str, Any]) -> str:
    """The model, and what was masked."""
    return MODELS[run.get("model", RANDOM)] + (", AVX2 masked" if run.get("avx2") else "")


def cell(figures: dict[str, float], key: str) -> str:
    """A figure with its spread over the rounds; empty where it was not measured."""
    if key not in figures:
        return ""
    spread = figures.get(f"{key}_spread")
    return f"{figures[key]:.3g}" + (f" (± {spread / 2:.0%})" if spread is not None else "")


def panels(runs: Iterable[dict[str, Any]]) -> list[tuple[str, dict[str, dict[str, float]]]]:
    """Tokens a second by clients and, inside, by server; open loops are left out."""
    drawn = []
    for run in runs:
        groups: dict[str, dict[str, float]] = {}
        for server, loads in run["servers"].items():
            for load, figures in loads.items():
                if not load.endswith("/s"):
                    groups.setdefault(f"{load} clients", {})[server] = figures["tokens_per_s"]
        if len(groups) > 1:
            ours = " and ".join({pair.split(" / ")[0]: 0 for pair in run["ratios"]})
            drawn.append((f"{titled(run)}: {ours}", groups))
    return drawn


def overview(runs: Iterable[dict[str, Any]]) -> list[str]:
    """The rows of a README's table: tokens a second by clients, then the first text's time. Of the
    random model with all that the CPU has, each server once."""
    lines: dict[str, str] = {}
    for run in runs:
        if run.get("avx2") or run.get("model", RANDOM) != RANDOM:
            continue
        for server, loads in run["servers"].items():
            if all(clients in loads for clients in ("1", "4", "16")) and server in NAMES:
                speeds = " | ".join(
                    f"{loads[each]['tokens_per_s']:.0f}" for each in ("1", "4", "16")
                )
                first = f"{loads['16']['first_token_s']:.2f} s"
                lines.setdefault(server, f"| {NAMES[server]} | {speeds} | {first} |")
    return list(lines.values())


def replaced(page: str, figures: str) -> str:
    """The page with what stands between the two marks changed.

    Raises:
        ValueError: a mark is missing.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Figures into the pages.")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    docs = parser.parse_args().docs
    document = json.loads((docs / "verification.json").read_text())
    online = [run for run in document["benchmarks"] if run["benchmark"] == "online"]
    lines = [f"{document['date']}, {document['machine']}, commit {document['commit'][:10]}."]
    if drawn := panels(online):
        from benchmarks import plots  # only where there is something to draw

        plots.bars(docs / PLOT, drawn, "tokens a second")
        lines += ["", f"![tokens a second by clients and server]({PLOT})"]
    if any(run["benchmark"] == "curves" for run in document["benchmarks"]):
        lines += ["", "![decode cost by streams and by history](benchmarks/decode_cost.svg)"]
    lines += online_tables(online)
    lines += ["", *(f"- {line}" for run in document["benchmarks"] if (line := said(run)))]
    lines += ["", eight_bits(document["benchmarks"])]
    rewrite(docs / "benchmarks.md", lines)
    for name in ("README.md", "README.zh-CN.md"):
        page = docs.parent / name
        header = page.read_text().split(BEGIN)[1].strip().splitlines()[:2]  # in its own language
        rewrite(page, [*header, *overview(online)])


def rewrite(path: Path, figures: Iterable[str]) -> None:
    """Change what stands between a page's two marks."""
    path.write_text(replaced(path.read_text(), "\n".join(figures)))


if __name__ == "__main__":
    main()
