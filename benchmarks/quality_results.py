"""What a server's precision costs, from the last run of `benchmarks.quality`.

Knows nothing about how it was measured. The losses of the jittered SmolLM2 are taken, whose
weights are as arbitrary as any model's; a random model has no quality to lose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from benchmarks.revision import revision
from benchmarks.servers import BASELINE

QUALITY = Path("build/quality.json")
MODEL = "jittered"
#: Servers that compute with the checkpoint's own values in float32.
FULL_PRECISION = (
    "16bit", "float32", "vllm-fp32", "llama-f32", "openvino-fp32", "transformers-batching",
    "transformers-default",
)  # fmt: skip


class Quality(TypedDict):
    """Of a reduced precision, over all texts."""

    mean_loss: float  #: of perplexity, 0.01 is 1 %
    top_1: float


def quality_of(servers: Iterable[str], path: Path) -> dict[str, Quality | None]:
    """Of each server with a reduced precision; None where it was not measured on the code that is
    here now. path: what `benchmarks.quality` wrote."""
    measured = {}
    if path.exists():
        document = json.loads(path.read_text())
        if document.get("revision") == revision():
            measured = document["models"].get(MODEL, {}).get("precisions", {})
    found: dict[str, Quality | None] = {}
    for name in servers:
        if name.removesuffix(BASELINE) not in FULL_PRECISION:
            each = measured.get(name)
            found[name] = each and Quality(mean_loss=each["mean_loss"], top_1=each["top_1"])
    return found


def shown(quality: Mapping[str, Quality | None], server: str) -> str:
    """For people; empty for a server that computes in full precision."""
    if server not in quality:
        return ""
    each = quality[server]
    if each is None:
        return "not measured"
    return f"perplexity {each['mean_loss']:+.2%}, top-1 {each['top_1']:.3f}"
