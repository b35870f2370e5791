"""A checkpoint's tensors with LoRAs merged in, one tensor at a time as they are asked for.

Knows nothing about files or shapes that could disagree: `app.checkpoint` has compared them. The
arithmetic is peft's own merge in float32, in peft's order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from app.checkpoint.expected_tensors import EMBEDDING, HEAD
from app.checkpoint.lora.delta import Delta, Lora
from app.model.loading.build_weights import Source


def merged(base: Source, base_tied: bool, loras: Sequence[tuple[Lora, Source]]) -> Source:
    """`base` with each of `loras`, given with its own tensors, applied in order.

    base_tied: the base model's head is its embedding.
    """

    def source(name: str) -> Tensor:
        whole = [number for number, (lora, _) in enumerate(loras) if name in lora.replaced]
        first = whole[-1] if whole else 0
        if whole:
            lora, tensors = loras[first]
            tensor = tensors(lora.replaced[name])
        else:
            tensor = base(EMBEDDING if name == HEAD and base_tied else name)
        for lora, tensors in loras[first:]:
            if name in lora.deltas:
                tensor = _added(tensor, lora.deltas[name], tensors, name == EMBEDDING)
        return tensor

    return source


def _added(weight: Tensor, delta: Delta, tensors: Source, embedding: bool) -> Tensor:
    product = tensors(delta.b).float() @ tensors(delta.a).float()
    product = (product.T if embedding else product) * delta.scale
    # A vocabulary may be padded in the base model's file; the adapter's never is.
    return weight[: len(product)].float() + product


def resized(source: Source, rows: int) -> Source:
    """`source` with zeros for the rows of the vocabulary that nobody trained."""

    def padded(name: str) -> Tensor:
        tensor = source(name)
        missing = rows - tensor.shape[0]
        if name not in (EMBEDDING, HEAD) or missing <= 0:
            return tensor
        return torch.cat((tensor, tensor.new_zeros((missing, tensor.shape[1]))))

    return padded
