"""Merges LoRAs into a checkpoint's tensors, one tensor at a time when it is read.

`app.checkpoint.lora` has checked names and shapes. The arithmetic is peft's merge in float32, in
peft's order.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from app.checkpoint.expected_tensors import EMBEDDING, HEAD
from app.checkpoint.lora.adapter import Lora, LoraDelta
from app.model.loading.build_weights import Source
from app.model.stored_matrix import Matrix, pad_rows, whole


def merge_loras(base: Source, base_tied: bool, loras: Sequence[tuple[Lora, Source]]) -> Source:
    """`base` with `loras` merged in, in order. loras: each with the source of its tensors.

    base_tied: the base model's lm_head is its embedding.
    """

    def source(name: str) -> Matrix:
        replacing = [index for index, (lora, _) in enumerate(loras) if name in lora.replaced]
        first = replacing[-1] if replacing else 0
        if replacing:
            lora, tensors = loras[first]
            tensor = tensors(lora.replaced[name])
        else:
            tensor = base(EMBEDDING if name == HEAD and base_tied else name)
        for lora, tensors in loras[first:]:
            if name in lora.deltas:
                tensor = _add_delta(tensor, lora.deltas[name], tensors, name == EMBEDDING)
        return tensor

    return source


def _add_delta(weight: Matrix, delta: LoraDelta, tensors: Source, embedding: bool) -> Tensor:
    product = whole(tensors(delta.b)).float() @ whole(tensors(delta.a)).float()
    product = (product.T if embedding else product) * delta.scale
    # The base model's vocabulary may be padded; an adapter's never is.
    return whole(weight)[: len(product)].float() + product


def pad_vocabulary(source: Source, rows: int) -> Source:
    """`source` with embedding and lm_head padded with zeros to `rows` rows."""

    def padded(name: str) -> Matrix:
        matrix = source(name)
        missing = rows - matrix.shape[0]
        return pad_rows(matrix, missing) if name in (EMBEDDING, HEAD) and missing > 0 else matrix

    return padded
