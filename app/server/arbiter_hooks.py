"""gunicorn's hooks in its master (arbiter): checks before it listens, signals, restart delays.

Must not import torch: the worker is forked from this process, and neither CUDA nor torch's
threads survive a fork.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from gunicorn import arbiter

from app.checkpoint.errors import StartupError
from app.server.startup import (
    SPARE_THREADS,
    check_all,
    exit_on_error,
    has_inherited_sockets,
    warn_if_unauthenticated,
)
from app.server.worker import HardenedWorker
from config import Config

#: This many workers may exit within RESTART_WINDOW_S before restarts are delayed, with
#: exponential backoff up to MAX_RESTART_DELAY_S.
UNDELAYED_RESTARTS = 3
RESTART_WINDOW_S = 300.0
MAX_RESTART_DELAY_S = 60.0

_exits: deque[float] = deque(maxlen=100)  #: monotonic


def check_start(server: Any, config: Config, meanwhile: Callable[[], object]) -> None:
    """gunicorn's `on_starting`: check everything; exit with one line on an error. meanwhile:
    called while a child process reads the model's files."""
    exit_on_error(lambda: _check_options(server.cfg, config))
    addresses = [] if has_inherited_sockets() or server.cfg.reuse_port else server.cfg.address
    exit_on_error(lambda: check_all(config, addresses, meanwhile))
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if config.API_KEYS_FILE is None:
        warn_if_unauthenticated(hosts, config.LOG_FORMAT)
    _ignore_second_workers(server)
    _quit_on_second_sigterm(server)
    _use_monotonic_clock()


def record_worker_exit() -> None:
    """gunicorn's `child_exit`: a worker has exited, for any reason."""
    _exits.append(time.monotonic())


def restart_delay_s() -> float:
    """Seconds before a new worker loads the model; it answers 503 meanwhile. 0 unless workers
    keep exiting. Called in the worker: the fork copied the master's list of exits."""
    recent = sum(time.monotonic() - at < RESTART_WINDOW_S for at in _exits)
    return (
        min(MAX_RESTART_DELAY_S, 2.0 ** (recent - UNDELAYED_RESTARTS))
        if recent >= UNDELAYED_RESTARTS
        else 0.0
    )


def _check_options(cfg: Any, config: Config) -> None:
    if cfg.workers != 1:
        raise StartupError(
            f"{cfg.workers} workers are configured, but only one is supported: the model is loaded "
            "once; leave out -w and WEB_CONCURRENCY"
        )
    if not issubclass(cfg.worker_class, HardenedWorker):
        raise StartupError("a different worker class is configured; leave out -k")
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


def _quit_on_second_sigterm(server: Any) -> None:
    """A second SIGTERM ends the drain. gunicorn alone reacts only to SIGINT and SIGQUIT then."""
    add_signal, stopping = server.signal, threading.Event()

    def enqueue(signum: int, frame: Any) -> None:
        if signum == signal.SIGTERM and stopping.is_set():
            signum = signal.SIGQUIT
        elif signum == signal.SIGTERM:
            stopping.set()
        add_signal(signum, frame)

    server.signal = enqueue


def _use_monotonic_clock() -> None:
    """Make gunicorn measure its timeouts by the monotonic clock; it uses the wall clock, which
    may be changed."""
    arbiter.time = SimpleNamespace(time=time.monotonic, monotonic=time.monotonic, sleep=time.sleep)
