"""Finds the tensors that hold each quantized matrix.

A matrix is quantized if its tensors are there: the names of modules that the config ignores are
not needed. Reads no weights; of small tensors, the values that say where weights are.
"""

from __future__ import annotations

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import expected_shapes
from app.checkpoint.quantization.parts import FLOATS, PARTS
from app.checkpoint.quantization.quantized_matrix import QuantizedMatrix
from app.checkpoint.quantization.scheme import Layout, Quantization
from app.checkpoint.quantization.small_tensors import all_zero
from app.checkpoint.safetensors_index import TensorIndex, TensorInfo

_WEIGHT = ".weight"


def with_quantized_tensors(
    index: TensorIndex, model: ModelConfig, quantization: Quantization
) -> TensorIndex:
    """`index` with each quantized matrix as one `QuantizedTensor`, named as if it were not
    quantized, instead of its parts.

    Raises:
        StartupError: a part is missing or has another shape or dtype; columns are in another
            order than the model's.
    """
    tensors, expected = dict(index.tensors), expected_shapes(model)
    for name, shape in expected.items():
        if len(shape) != 2:
            continue
        layout = _layout(name, index, quantization)
        if layout is None:
            continue
        prefix = name.removesuffix(_WEIGHT) + "."
        named = {part: prefix + part for part in PARTS[layout].names}
        found = {part: tensors.pop(each) for part, each in named.items() if each in tensors}
        if name in tensors:
            quantized = named[PARTS[layout].weights]
            raise StartupError(f"{index[name].file} has both {name!r} and {quantized!r}")
        schemes = [scheme for scheme in quantization.schemes if scheme.layout is layout]
        matrix = QuantizedMatrix(prefix, (shape[0], shape[1]), found, quantization)
        tensors[name] = matrix.with_scheme(schemes)
        if prefix + "bias" not in expected:
            _drop_zeros(tensors, prefix + "bias")
    return TensorIndex(index.directory, tensors)


def _layout(name: str, index: TensorIndex, quantization: Quantization) -> Layout | None:
    """The layout of the matrix `name`; None: it is not quantized."""
    prefix = name.removesuffix(_WEIGHT) + "."
    layouts = dict.fromkeys(scheme.layout for scheme in quantization.schemes)
    for layout in layouts:
        weights = prefix + PARTS[layout].weights
        if weights in index and index[weights].dtype not in FLOATS:
            return layout
    for layout in layouts:  # the integers are missing
        if any(prefix + part in index for part in PARTS[layout].names if part != "weight"):
            return layout
    return None


def _drop_zeros(tensors: dict[str, TensorInfo], name: str) -> None:
    """Drop a bias that the model does not have, if it changes nothing: some GPTQ files hold one for
    every matrix, which vLLM ignores, too."""
    if name in tensors and all_zero(tensors[name]):
        del tensors[name]
