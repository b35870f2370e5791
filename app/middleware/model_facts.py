"""Facts about the loaded model. Takes no lock."""

from __future__ import annotations

from app.engine import EngineStatus
from app.engine.errors import Unavailable
from app.engine.model_info import ModelFacts


def model_facts(engine: EngineStatus) -> ModelFacts:
    """The facts; empty while the model loads."""
    try:
        return engine.info.facts
    except Unavailable:
        return ModelFacts()
