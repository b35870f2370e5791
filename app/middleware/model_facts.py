"""What is known of the loaded model.

Knows nothing about requests; takes no lock.
"""

from __future__ import annotations

from app.engine import Engine
from app.engine.errors import Unavailable
from app.engine.types import ModelFacts


def model_facts(engine: Engine) -> ModelFacts:
    """Of a model that still loads, nothing."""
    try:
        return engine.info.facts
    except Unavailable:
        return ModelFacts()
