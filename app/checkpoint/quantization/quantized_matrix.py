"""Checks the tensors of one quantized matrix, and finds out by which scheme they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.checkpoint.errors import StartupError
from app.checkpoint.quantization.column_order import check_column_order, refuse_act_order
from app.checkpoint.quantization.parts import PARTS, Expected, expected_parts
from app.checkpoint.quantization.scheme import Quantization, QuantizedTensor, WeightScheme
from app.checkpoint.quantization.small_tensors import all_zero, integers
from app.checkpoint.safetensors_index import TensorInfo


class QuantizedMatrix:
    """The tensors that were found for one matrix."""

    def __init__(
        self,
        prefix: str,
        shape: tuple[int, int],
        found: Mapping[str, TensorInfo],
        quantization: Quantization,
    ) -> None:
        self._prefix, self._found = prefix, found
        self._outputs, self._inputs = shape
        self._quantization, self._source = quantization, quantization.source

    def with_scheme(self, schemes: Sequence[WeightScheme]) -> QuantizedTensor:
        """The matrix, by the first scheme that fits its shapes."""
        errors = []
        for scheme in schemes:
            try:
                weights, shape = self._fitting(scheme)
            except StartupError as error:
                errors.append(error)
                continue
            self._check_values(scheme, shape)
            return QuantizedTensor(
                weights.file, scheme.name, shape, weights.begin, weights.end, scheme, self._found
            )
        raise errors[0]

    def _fitting(self, scheme: WeightScheme) -> tuple[TensorInfo, tuple[int, int]]:
        """The tensor of the integers, and the shape of the matrix; raises if others do not fit."""
        parts = PARTS[scheme.layout]
        weights, outputs = self._part(parts.weights), self._outputs
        if len(weights.shape) == 2:  # the vocabulary's may be padded
            outputs = weights.shape[1 if parts.transposed else 0]
        group = scheme.group or self._inputs
        if self._inputs % group:
            raise StartupError(
                f"{self._source}: groups of {group} do not divide the {self._inputs} inputs of "
                f"{self._prefix.rstrip('.')!r}"
            )
        for part, expected in expected_parts(scheme, outputs, self._inputs).items():
            if part in self._found or part not in parts.optional:
                self._check(part, expected, scheme)
        return weights, (outputs, self._inputs)

    def _check_values(self, scheme: WeightScheme, shape: tuple[int, int]) -> None:
        """Check the values of tensors that say where weights are."""
        parts, group = PARTS[scheme.layout], scheme.group or self._inputs
        if parts.shape in self._found:
            stored = integers(self._found[parts.shape])
            if stored != shape:
                raise StartupError(
                    f"{self._found[parts.shape].file}: {self._prefix + parts.shape!r} says "
                    f"{list(stored)}, but the matrix is {list(shape)}"
                )
        if parts.order in self._found:
            name = self._prefix + parts.order
            check_column_order(self._found[parts.order], name, group, self._quantization)
        elif self._quantization.act_order and scheme.group:
            raise refuse_act_order(self._quantization, f"{self._prefix + parts.order} is missing")
        zero_points = self._found.get(parts.zero_points)
        if scheme.symmetric and zero_points and not all_zero(zero_points):
            raise StartupError(
                f"{zero_points.file} has the tensor {self._prefix + parts.zero_points!r}, but "
                f"{self._source} says symmetric"
            )

    def _part(self, part: str) -> TensorInfo:
        if part not in self._found:
            directory = next(iter(self._found.values())).file.parent
            raise StartupError(f"{directory} lacks the tensor {self._prefix + part!r}")
        return self._found[part]

    def _check(self, part: str, expected: Expected, scheme: WeightScheme) -> None:
        tensor, name = self._part(part), self._prefix + part
        shape, dtypes = expected
        flat = shape[1:] == (1,) and tensor.shape == shape[:1]  # a scale for each row
        if tensor.shape != shape and not flat:
            raise StartupError(
                f"{tensor.file}: tensor {name!r} has shape {list(tensor.shape)}; "
                f"{self._source} ({scheme}) expects {list(shape)}"
            )
        if tensor.dtype not in dtypes:
            raise StartupError(
                f"{tensor.file}: tensor {name!r} is {tensor.dtype}; supported: {', '.join(dtypes)}"
            )
