"""The answers of /v1/models and /v1/models/{id}, for clients of both APIs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from app.engine.model_info import ModelInfo
from app.generation.served_model import ServedModel


def model_body(name: str, served: ServedModel, info: ModelInfo) -> dict[str, object]:
    """One served name, for OpenAI's clients."""
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
    """All of them. Codex reads `models` and reports an error without it. It is empty, so that
    Codex keeps its own settings: an entry must have instructions, which would replace Codex's."""
    return {"object": "list", "data": list(models), "models": []}


def anthropic_model_body(name: str, info: ModelInfo) -> dict[str, object]:
    """One served name, for Anthropic's clients."""
    created = datetime.fromtimestamp(info.loaded_at, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": info.max_model_len,
        "max_tokens": info.max_model_len,
    }


def anthropic_models_body(models: Sequence[dict[str, object]]) -> dict[str, object]:
    """All of them, on one page."""
    ids = [model["id"] for model in models]
    return {"data": list(models), "has_more": False, "first_id": ids[0], "last_id": ids[-1]}
