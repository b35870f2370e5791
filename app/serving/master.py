"""What gunicorn's master checks before it listens, and which of its signals it ignores.

Knows nothing about torch: the worker, born later by a fork, is the first to import it.
"""

from __future__ import annotations

from typing import Any

from app.checkpoint.errors import StartupError
from app.serving.startup import (
    SPARE_THREADS,
    check_all,
    inherited_listeners,
    or_fail,
    warn_if_open,
)
from app.serving.worker import HardenedWorker
from config import Config


def check_start(server: Any, config: Config) -> None:
    """gunicorn's `on_starting`: end the process with one line if anything is wrong."""
    or_fail(lambda: _check_options(server.cfg, config))
    addresses = [] if inherited_listeners() or server.cfg.reuse_port else server.cfg.address
    or_fail(lambda: check_all(config, addresses))
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if config.API_KEYS_FILE is None:
        warn_if_open(hosts, config.LOG_FORMAT)
    _ignore_second_workers(server)


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
