"""WSGI entry point with the counting model; everything else is as in `wsgi.py`."""

from __future__ import annotations

import os

from app import create_app
from app.engine import output_buffer
from app.engine.async_engine import AsyncEngine
from app.server import worker
from app.server.lifecycle import serve
from config import Config
from tests.stack.counting_model import load

assert worker.current is not None, "this is for gunicorn"
config = Config.from_env(os.environ)
# One event per token: the tests count and time them.
output_buffer.GATHER_S = float(os.environ.get("STACK_GATHER_S", "0"))
hung_after_s = float(os.environ.get("STACK_HUNG_AFTER_S", "60"))
engine = AsyncEngine(load, config.MAX_IN_FLIGHT, hung_after_s)
app = create_app(config, engine)
serve(config, worker.current, engine, app)
