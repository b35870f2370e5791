"""Counts how much of a checkpoint has been loaded while its tensors are asked for by name."""

from __future__ import annotations

import math

import torch

from app.checkpoint.check import CheckedModel
from app.checkpoint.config import ModelConfig
from app.checkpoint.expected_tensors import expected_shapes
from app.model.loading.build_weights import Source
from app.model.loading.progress import Report
from app.model.stored_matrix import Matrix


class CountedSource:
    """A source that reports the bytes loaded. A tensor counts when the next one is asked for: it
    is packed by then, which takes longer than to read it."""

    def __init__(
        self, source: Source, model: ModelConfig, checked: CheckedModel, report: Report
    ) -> None:
        """model: what is loaded; its elements are assumed to have the same number of bytes."""
        self._source, self._report = source, report
        shapes = expected_shapes(model)
        self._elements = {name: math.prod(shape) for name, shape in shapes.items()}
        self._all_elements = sum(self._elements.values())
        self._bytes = sum(tensor.end - tensor.begin for tensor in checked.tensors.tensors.values())
        if checked.pickled:
            dtype: torch.dtype = getattr(torch, checked.model.dtype)
            self._bytes = self._all_elements * dtype.itemsize
        self._loaded = self._current = 0  # elements

    def __call__(self, name: str) -> Matrix:
        """The tensor, see `build_weights.Source`."""
        self.finish()
        self._current = self._elements.get(name, 0)
        return self._source(name)

    def finish(self) -> None:
        """Report that the last tensor has been packed too."""
        self._loaded += self._current
        self._current = 0
        self._report(self._bytes * self._loaded // self._all_elements, self._bytes)
