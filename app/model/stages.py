"""The names of a decoder step's stages, which the check of batch invariance reports."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from torch import Tensor


class StageName(StrEnum):
    """What a layer computes, in this order; the last is after all layers."""

    ATTENTION_NORM = "attention norm"
    QKV = "qkv product"
    ROPE = "rope"
    ATTENTION = "attention"
    ROUNDING = "8-bit rounding"
    O_PROJ = "o_proj product"
    MLP_NORM = "MLP norm"
    GATE_UP = "gate_up product"
    SWIGLU = "SwiGLU"
    DOWN = "down product"
    RESIDUAL = "last residual sum"


class Observer(Protocol):
    """Is shown each stage's result before the next stage begins."""

    def __call__(self, layer: int, stage: StageName, rows: Tensor) -> None:
        """rows: [rows of the step, ...], on the layer's device; later stages overwrite it."""


def no_observer(layer: int, stage: StageName, rows: Tensor) -> None:
    """The observer of a step whose stages are not looked at."""
