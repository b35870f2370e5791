"""How benchmarks sum up and print: medians, tables, and the one JSON line at the end.

Knows nothing about what is measured.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence


def median(values: Sequence[float]) -> float:
    """The middle one; raises StatisticsError where there is none."""
    return float(statistics.median(values))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0…1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def listed(text: str) -> list[str]:
    """The parts of a,b,c."""
    return [part for part in text.split(",") if part]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of one width each, numbers rounded to what a person reads."""
    cells = [list(header), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def finish(benchmark: str, results: Mapping[str, object]) -> None:
    """Print the JSON line that other programs read: always the last one."""
    line = {
        "benchmark": benchmark,
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        **results,
    }
    print(json.dumps(line), flush=True)


def _shown(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}" if abs(cell) < 100 else f"{cell:.0f}"
