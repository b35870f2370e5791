"""`Weights` of the compiled decoder as named tensors, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.cpu_kernels.packed_panels import PackedPanels
from app.model.weights import LayerWeights, Weights

_CPU = torch.device("cpu")


def tensors_of(weights: Weights) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, and what else `weights_of` needs, as JSON."""
    tensors, linears = {}, {}
    for name, value in _values(weights):
        if isinstance(value, Tensor):
            # norms may share memory, which a safetensors file cannot
            tensors[name] = value.contiguous() if value.dim() > 1 else value.clone()
        elif isinstance(value, PackedPanels):
            tensors[name] = value.packed
            linears[name] = [type(value).__name__, value.outputs, value.inputs]
    return tensors, {"linears": linears, "tied_head": weights.config.tied_head}


def weights_of(
    config: ModelConfig, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> Weights:
    """The weights that `tensors_of` made tensors of. config: as before they were loaded."""
    values: dict[str, Any] = dict(tensors)
    kinds = {kind.__name__: kind for kind in _subclasses(PackedPanels)}
    for name, (kind, outputs, inputs) in facts["linears"].items():
        values[name] = kinds[kind].from_packed(tensors[name], outputs, inputs)
    layers = [_layer(config, values, index) for index in range(config.layers)]
    return Weights(
        **_present(Weights, values, ""),
        config=replace(config, tied_head=facts["tied_head"]),
        layers=tuple(layers),
        dtype=torch.float32,
        device=_CPU,
        mapped=True,
    )


def _layer(config: ModelConfig, values: Mapping[str, Any], index: int) -> LayerWeights:
    present = _present(LayerWeights, values, f"layers.{index}.")
    return LayerWeights(**present, window=config.windows[index], device=_CPU)


def _values(weights: Weights) -> Iterator[tuple[str, Any]]:
    """All fields of the model and its layers by name."""
    for field in fields(Weights):
        yield field.name, getattr(weights, field.name)
    for index, layer in enumerate(weights.layers):
        for field in fields(LayerWeights):
            yield f"layers.{index}.{field.name}", getattr(layer, field.name)


def _present(
    record: type[Weights] | type[LayerWeights], values: Mapping[str, Any], prefix: str
) -> dict[str, Any]:
    """The fields of a record that are tensors or linear layers; None where there is none."""
    return {
        field.name: values.get(prefix + field.name)
        for field in fields(record)
        if field.type.startswith(("Tensor", "Linear"))
    }


def _subclasses(kind: type[PackedPanels]) -> Iterator[type[PackedPanels]]:
    """Those of every precision."""
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
