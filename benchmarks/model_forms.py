"""The measured models in the form that each server wants; written where they are missing.

Knows nothing about servers.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

RANDOM, SMOLLM2 = "random-298m", "smollm2"
MODELS = (RANDOM, SMOLLM2)


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are, and which model is measured."""

    peers: Path  #: as `benchmarks.peer_install --into` left it
    models: Path  #: the models in all their forms
    model: str = RANDOM
    avx2: bool = False  #: servers run as on a CPU with AVX2 and without AVX-512


def checkpoint(places: Places, dtype: str) -> Path:
    """A directory as transformers writes them. SmolLM2 has one, in float16: tools/smollm2.py."""
    if places.model == SMOLLM2:
        return places.models / SMOLLM2
    import torch

    from benchmarks.random_model import write_model

    return write_model(places.models / f"{RANDOM}-{dtype}", getattr(torch, dtype))


def gguf(places: Places, kind: str) -> Path:
    """For llama-server. kind: of `benchmarks.gguf_model.KINDS`."""
    from benchmarks.gguf_model import write_gguf

    target = places.models / f"{places.model}-{kind.lower()}.gguf"
    return write_gguf(checkpoint(places, "float32"), target, kind)


def w8a8(places: Places) -> Path:
    """For vLLM in 8 bits."""
    from benchmarks.w8a8_model import write_w8a8

    return write_w8a8(checkpoint(places, "float32"), places.models / f"{places.model}-w8a8")


def openvino(places: Places, kind: str) -> Path:
    """For OpenVINO GenAI, by its own exporter. kind: fp32 or int8."""
    target = places.models / f"{places.model}-openvino-{kind}"
    if not (target / "openvino_model.xml").exists():
        exporter = str(places.peers / "optimum/bin/optimum-cli")
        subprocess.run(
            [exporter, "export", "openvino", "-m", str(checkpoint(places, "float32")), "--task",
             "text-generation-with-past", "--weight-format", kind, str(target)],
            check=True,
        )  # fmt: skip
    return target
