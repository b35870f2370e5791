"""What gunicorn's master checks before it listens, which of its signals it ignores, and how
often its workers ended.

Knows nothing about torch: the worker, born later by a fork, is the first to import it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from types import SimpleNamespace
from typing import Any

from gunicorn import arbiter

from app.checkpoint.errors import StartupError
from app.server.startup import (
    SPARE_THREADS,
    check_all,
    inherited_listeners,
    or_fail,
    warn_if_open,
)
from app.server.worker import HardenedWorker
from config import Config

#: So many workers may end within this time before the next ones pause, ever longer.
CALM_EXITS = 3
RECENT_S = 300.0
LONGEST_PAUSE_S = 60.0

_exits: deque[float] = deque(maxlen=100)  #: monotonic


def check_start(server: Any, config: Config) -> None:
    """gunicorn's `on_starting`: end the process with one line if anything is wrong."""
    or_fail(lambda: _check_options(server.cfg, config))
    addresses = [] if inherited_listeners() or server.cfg.reuse_port else server.cfg.address
    or_fail(lambda: check_all(config, addresses))
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if config.API_KEYS_FILE is None:
        warn_if_open(hosts, config.LOG_FORMAT)
    _ignore_second_workers(server)
    _hurry_when_told_twice(server)
    _trust_no_wall_clock()


def note_exit() -> None:
    """gunicorn's `child_exit`: a worker has ended, for whatever reason."""
    _exits.append(time.monotonic())


def pause_s() -> float:
    """How long a new worker waits before it loads the model, answering 503 meanwhile: not at
    all, unless workers end one after the other. Called in the worker, which has the master's
    memory of them from the fork."""
    recent = sum(time.monotonic() - at < RECENT_S for at in _exits)
    return min(LONGEST_PAUSE_S, 2.0 ** (recent - CALM_EXITS)) if recent >= CALM_EXITS else 0.0


def _check_options(cfg: Any, config: Config) -> None:
    if cfg.workers != 1:
        raise StartupError(
            f"{cfg.workers} workers are asked for, but there is one only: the model is loaded "
            "once; leave out -w and WEB_CONCURRENCY"
        )
    if not issubclass(cfg.worker_class, HardenedWorker):
        raise StartupError("another worker class is asked for; leave out -k")
    if cfg.threads < config.MAX_IN_FLIGHT + SPARE_THREADS // 2:
        raise StartupError(
            f"{cfg.threads} threads are too few for --max_in_flight {config.MAX_IN_FLIGHT}; "
            "leave out --threads"
        )


def _ignore_second_workers(server: Any) -> None:
    """SIGHUP, SIGUSR2 and SIGTTIN would load the model a second time beside the first."""

    def ignore() -> None:
        server.log.warning("this signal would load the model twice: ignored; restart instead")

    for name in ("handle_hup", "handle_usr2", "handle_ttin"):
        setattr(server, name, ignore)


def _hurry_when_told_twice(server: Any) -> None:
    """A second SIGTERM ends the drain; gunicorn itself hears only SIGINT and SIGQUIT then."""
    queue, stopping = server.signal, threading.Event()

    def enqueue(number: int, frame: Any) -> None:
        if number == signal.SIGTERM and stopping.is_set():
            number = signal.SIGQUIT
        elif number == signal.SIGTERM:
            stopping.set()
        queue(number, frame)

    server.signal = enqueue


def _trust_no_wall_clock() -> None:
    """gunicorn measures the drain with the wall clock, which may be set meanwhile."""
    arbiter.time = SimpleNamespace(time=time.monotonic, monotonic=time.monotonic, sleep=time.sleep)
