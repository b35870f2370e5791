"""Tells how quantized weights were stored: for the ready line."""

from __future__ import annotations

from app.checkpoint.check import CheckedModel
from app.checkpoint.dtypes import quantized_rounding
from app.model.weights import Weights
from config import Config


def describe_storage(config: Config, checked: CheckedModel, weights: Weights) -> str:
    """The types of the tensors in the files, and whether any weight was rounded once more; "" if
    they are not quantized."""
    if not checked.quantization:
        return ""
    types = ", ".join(f"{kind} {share:.0%}" for kind, share in checked.type_shares.items())
    return f"{checked.quantization} ({types}), {_rounding(config, checked, weights)}"


def _rounding(config: Config, checked: CheckedModel, weights: Weights) -> str:
    if config.weight_bits:
        linears = weights.linears
        exact = sum(getattr(linear, "exact", False) for linear in linears)
        if exact == len(linears):
            return "repacked without rounding"
        return f"{exact} of {len(linears)} matrices repacked without rounding, others rounded"
    rounded = quantized_rounding(config, checked.gpus)
    if rounded or checked.gpus:
        return f"rounded to {rounded or str(weights.dtype).removeprefix('torch.')}"
    return "dequantized without rounding"
