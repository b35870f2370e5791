"""/v1/models on the wire.

Knows nothing about how many models there could be.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.engine.types import ModelInfo


def model_body(name: str, root: str, parent: str | None, info: ModelInfo) -> dict[str, object]:
    """One served name of the model whose own name is `root`; `parent`: the base model's name
    where a LoRA changes it."""
    return {
        "id": name,
        "object": "model",
        "created": info.loaded_at,
        "owned_by": "westlake",
        "root": root,
        "parent": parent,
        "max_model_len": info.max_model_len,
    }


def models_body(models: Sequence[dict[str, object]]) -> dict[str, object]:
    """All of them."""
    return {"object": "list", "data": list(models)}
