"""WSGI entry point with the counting model and a real tokenizer of a model with a long context:
large texts are tokenized before they are known to be too long.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import create_app
from app.engine.async_engine import AsyncEngine
from app.engine.loaded_model import LoadedModel
from app.server import worker
from app.server.lifecycle import serve
from app.tokenizer.tokenizer import load_tokenizer
from config import Config
from tests.stack.counting_model import load

CONTEXT = 1 << 15


def load_reading(*arguments: Any) -> LoadedModel:
    """Return the counting model with the tokenizer of a directory."""
    model = load(*arguments)
    info = replace(model.info, max_model_len=CONTEXT)
    tokenizer = load_tokenizer(Path(os.environ["STACK_TOKENIZER"]))
    return replace(model, tokenizer=tokenizer, info=info)


assert worker.current is not None, "this is for gunicorn"
config = Config.from_env(os.environ)
engine = AsyncEngine(load_reading, config.MAX_IN_FLIGHT, 60)
app = create_app(config, engine)
serve(config, worker.current, engine, app)
