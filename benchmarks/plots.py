"""Draws the figures of docs/benchmarks.md as SVG.

Knows nothing about how they were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "westlake", "font.size": 10}

from matplotlib import pyplot  # noqa: E402

Line = Sequence[tuple[float, float]]


def curves(path: Path, panels: Sequence[tuple[str, str, Mapping[str, Line]]], y_label: str) -> None:
    """One panel side by side for each (title, label of x, lines by name); y from 0."""
    figure, axes = pyplot.subplots(1, len(panels), figsize=(5 * len(panels), 3.6), squeeze=False)
    for axis, (title, x_label, lines) in zip(axes[0], panels, strict=True):
        for name, points in lines.items():
            axis.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axis.set(title=title, xlabel=x_label, ylabel=y_label, ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend()
    _save(figure, path)


def bars(
    path: Path, panels: Sequence[tuple[str, Mapping[str, Mapping[str, float]]]], y_label: str
) -> None:
    """One panel for each (title, heights by group and, inside, by name), two side by side."""
    columns, rows = min(len(panels), 2), -(-len(panels) // 2)
    figure, axes = pyplot.subplots(rows, columns, figsize=(5 * columns, 3.6 * rows), squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    for axis, (title, groups) in zip(axes.flat, panels, strict=False):
        names = list(dict.fromkeys(name for inner in groups.values() for name in inner))
        width = 0.8 / len(names)
        for number, name in enumerate(names):
            heights = [inner.get(name, 0.0) for inner in groups.values()]
            places = [each + (number - (len(names) - 1) / 2) * width for each in range(len(groups))]
            drawn = axis.bar(places, heights, width, label=name)
            axis.bar_label(drawn, fmt="%.0f", fontsize=7)
        axis.set(title=title, ylabel=y_label, xticks=range(len(groups)))
        axis.set_xticklabels(groups)
        axis.legend(fontsize=8)
    _save(figure, path)


def _save(figure: pyplot.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
