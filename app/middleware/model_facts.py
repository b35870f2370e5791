"""Facts about the loaded model. Takes no lock."""

from __future__ import annotations

from app.engine import Engine
from app.engine.errors import Unavailable
from app.engine.types import ModelFacts


def model_facts(engine: Engine) -> ModelFacts:
    """The facts; empty while the model loads."""
    try:
        return engine.info.facts
    except Unavailable:
        return ModelFacts()
