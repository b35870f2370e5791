"""How the matrices of a quantized directory are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from app.checkpoint.safetensors_index import TensorInfo


class Layout(Enum):
    """Which tensors hold a matrix, and in which order they hold its integers."""

    PACKED = "pack-quantized"  #: compressed-tensors: int32 words along the inputs
    PLAIN = "int-quantized"  #: compressed-tensors: int8
    GPTQ = "gptq"  #: int32 words along the inputs, transposed; zero points are stored less one
    GPTQ_V2 = "gptq_v2"  #: the same, with zero points as they are


@dataclass(frozen=True, slots=True)
class WeightScheme:
    """The integers of a matrix. A weight is scale * (integer - zero point)."""

    layout: Layout
    bits: int  #: 4 or 8
    group: int | None  #: inputs that share a scale and a zero point; None: all of a row
    symmetric: bool = False  #: the zero point is in the middle, and not stored

    @property
    def name(self) -> str:
        """As in the ready line: "INT4 g128"; without a number all inputs share a scale."""
        return f"INT{self.bits}" + (f" g{self.group}" if self.group else "")

    def __str__(self) -> str:
        groups = f"groups of {self.group}" if self.group else "a scale per row"
        return f"{self.bits} bits, {groups}"


@dataclass(frozen=True, slots=True)
class Quantization:
    """What a quantization_config says."""

    method: str  #: "compressed-tensors" or "GPTQ"
    source: str  #: the file that says it
    schemes: tuple[WeightScheme, ...]  #: which a matrix may have; never empty
    #: The columns of a matrix may be in another order; then one of its tensors says in which.
    act_order: bool = False


@dataclass(frozen=True, slots=True)
class QuantizedTensor(TensorInfo):
    """A matrix of integers, which several tensors hold. As a `TensorInfo` it has the shape of the
    matrix, the scheme's name as dtype, and the location of the integers."""

    scheme: WeightScheme
    parts: Mapping[str, TensorInfo]  #: by the last part of their names: "weight_packed"


def stored_in(tensor: TensorInfo) -> Iterable[TensorInfo]:
    """The tensors of a file that hold `tensor`: its parts if it is quantized, else itself."""
    return tensor.parts.values() if isinstance(tensor, QuantizedTensor) else (tensor,)
