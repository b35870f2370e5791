"""gunicorn's settings, for `gunicorn wsgi:app` and `python wsgi.py`.

Must not import torch: this file runs in the master, which forks the one worker.
"""

import os
from importlib import import_module
from pathlib import Path

from app.server.arbiter_hooks import check_start, record_worker_exit
from app.server.log import Logger
from app.server.startup import SPARE_THREADS, read_settings

settings = read_settings(os.environ)
Logger.log_format = settings.LOG_FORMAT

proc_name = "westlake"
_host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
bind = f"{_host}:{settings.PORT}"

# One worker, because the model is loaded once; `workers` keeps gunicorn's default so that -w and
# WEB_CONCURRENCY can be detected and rejected. There are more threads than accepted requests: each
# stream occupies one, and error responses, /health and uploads need some.
worker_class = "app.server.worker.HardenedWorker"
threads = settings.MAX_IN_FLIGHT + SPARE_THREADS
worker_connections = max(1000, 2 * threads)

# A Unix socket is accessible to the server's user and group only.
umask = 0o117

# The accept loop sends the heartbeat once a second, also while the model computes.
timeout = 60
# A restart must reload the model anyway, so running requests get time to finish; those that do
# not finish receive an error.
graceful_timeout = 30
# Longer than nginx keeps idle upstream connections (60 s), so that nginx closes first.
keepalive = 75
# The heartbeat file is in memory: a slow disk must not look like a hanging worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - heartbeat only

# The model must be loaded after the fork: CUDA and torch's threads do not survive it.
preload_app = False
control_socket_disable = True

logger_class = Logger
loglevel = "warning"
accesslog = None
# `app.middleware.proxy` reads the headers of trusted proxies. gunicorn itself would accept
# SCRIPT_NAME, PATH_INFO and the scheme from any client on this machine.
forwarder_headers = ""
secure_scheme_headers = {}  # type: ignore[var-annotated]

# Only used with --access-logfile: no query string, no referrer.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(D)s us'


def on_starting(server):  # type: ignore[no-untyped-def]
    """In the master, before it listens: exit with one line on an error."""
    # While a child process reads the model's files: the worker inherits what is imported here.
    check_start(server, settings, meanwhile=lambda: import_module("app.application"))


def child_exit(server, worker):  # type: ignore[no-untyped-def]
    """In the master, after a worker has exited."""
    record_worker_exit()
