"""The answers of /v1/models and /v1/models/{id}."""

from __future__ import annotations

from collections.abc import Sequence

from app.engine.types import ModelInfo
from app.generation.served_model import ServedModel


def model_body(name: str, served: ServedModel, info: ModelInfo) -> dict[str, object]:
    """One served name."""
    return {
        "id": name,
        "object": "model",
        "created": info.loaded_at,
        "owned_by": "westlake",
        "root": served.model_name,
        "parent": served.parent,
        "max_model_len": info.max_model_len,
    }


def models_body(models: Sequence[dict[str, object]]) -> dict[str, object]:
    """All of them."""
    return {"object": "list", "data": list(models)}
