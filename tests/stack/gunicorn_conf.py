"""gunicorn.conf.py with some shorter timeouts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import app.server.arbiter_hooks as _master

_ours = Path(__file__).resolve().parents[2] / "gunicorn.conf.py"
exec(compile(_ours.read_text(), str(_ours), "exec"))

if "STACK_CLOCK" in os.environ:  # changes the wall clock while the server runs
    _true_time, _clock = time.time, Path(os.environ["STACK_CLOCK"])
    time.time = lambda: _true_time() + float(_clock.read_text().strip().rstrip("s") or 0)

graceful_timeout = int(os.environ.get("STACK_GRACE_S", "30"))
_master.UNDELAYED_RESTARTS = int(os.environ.get("STACK_UNDELAYED_RESTARTS", "3"))
