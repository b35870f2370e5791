"""Checks that a quantized matrix has its columns in the model's order."""

from __future__ import annotations

from app.checkpoint.errors import StartupError
from app.checkpoint.quantization.refusals import refuse
from app.checkpoint.quantization.scheme import Quantization
from app.checkpoint.quantization.small_tensors import chunks, packed, unpacked
from app.checkpoint.safetensors_index import TensorInfo


def check_column_order(
    tensor: TensorInfo, name: str, group: int, quantization: Quantization
) -> None:
    """Check that column `i` has the scale of group `i // group`. tensor: the group of each column.

    Raises:
        StartupError: it has another, which is act-order, or one that does not exist.
    """
    start, groups = 0, tensor.shape[0] // group
    for chunk in chunks(tensor):
        values = unpacked(tensor, chunk)
        if chunk != _in_order(tensor, start, start + len(values), group):
            if min(values) < 0 or max(values) >= groups:
                raise StartupError(
                    f"{tensor.file}: tensor {name!r} names groups from {min(values)} to "
                    f"{max(values)}, but there are {groups}"
                )
            raise refuse_act_order(quantization, name)
        start += len(values)


def _in_order(tensor: TensorInfo, start: int, stop: int, group: int) -> bytes:
    """The groups of these columns, in the tensor's dtype."""
    return b"".join(
        packed(tensor, number) * (min((number + 1) * group, stop) - max(number * group, start))
        for number in range(start // group, -(-stop // group))
    )


def refuse_act_order(quantization: Quantization, reason: str) -> StartupError:
    """The error for columns in another order. reason: how that is known."""
    return refuse(quantization.source, f"{quantization.method} with act-order ({reason})")
