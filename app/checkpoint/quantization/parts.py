"""Which tensors hold a quantized matrix in each layout, and the shapes that they have."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.checkpoint.quantization.scheme import Layout, WeightScheme

FLOATS = ("F32", "F16", "BF16")
_INDICES = ("I32", "I64")
#: A shape, and the dtypes that a tensor may have.
Expected = tuple[tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The names of a layout's tensors, by what they hold; the last part of each."""

    weights: str
    scales: str
    zero_points: str
    order: str  #: of the columns
    shape: str = ""
    transposed: bool = False  #: [in, out]

    @property
    def optional(self) -> tuple[str, str]:
        """Those that need not be there."""
        return self.order, self.shape

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        named = (self.weights, self.scales, self.zero_points, self.order, self.shape)
        return tuple(name for name in named if name)


_GPTQ = Parts("qweight", "scales", "qzeros", "g_idx", transposed=True)
PARTS = {
    Layout.PACKED: Parts(
        "weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_shape"
    ),
    Layout.PLAIN: Parts("weight", "weight_scale", "weight_zero_point", "weight_g_idx"),
    Layout.GPTQ: _GPTQ,
    Layout.GPTQ_V2: _GPTQ,
}


def expected_parts(scheme: WeightScheme, outputs: int, inputs: int) -> dict[str, Expected]:
    """The tensors of a matrix [outputs, inputs]; `Parts.optional` ones, too."""
    parts, groups = PARTS[scheme.layout], inputs // (scheme.group or inputs)

    def words(count: int) -> int:
        return math.ceil(count * scheme.bits / 32)

    if scheme.layout is Layout.PLAIN:
        weights, zero_points, dtype = (outputs, inputs), (outputs, groups), "I8"
    else:
        weights, zero_points, dtype = (outputs, words(inputs)), (words(outputs), groups), "I32"
    matrices = {
        parts.weights: (weights, (dtype,)),
        parts.scales: ((outputs, groups), FLOATS),
        parts.zero_points: (zero_points, (dtype,)),
    }
    if scheme.symmetric:
        del matrices[parts.zero_points]
    vectors: dict[str, Expected] = {parts.order: ((inputs,), _INDICES)}
    if parts.shape:
        vectors[parts.shape] = ((2,), _INDICES)
    return vectors | {
        name: (shape[::-1] if parts.transposed else shape, dtypes)
        for name, (shape, dtypes) in matrices.items()
    }
