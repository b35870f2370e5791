"""gunicorn's settings, read by `gunicorn wsgi:app` and `python wsgi.py` alike.

Knows nothing about torch: this file runs in the master, which forks the one worker.
"""

import os
from pathlib import Path

from app.server.arbiter_hooks import check_start, record_worker_exit
from app.server.log import Logger
from app.server.startup import SPARE_THREADS, read_settings

settings = read_settings(os.environ)
Logger.log_format = settings.LOG_FORMAT

proc_name = "westlake"
_host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
bind = f"{_host}:{settings.PORT}"

# One worker, because the model is loaded once; `workers` itself is left to gunicorn's default
# so that -w and WEB_CONCURRENCY can be seen and refused. Its threads outnumber the requests it
# accepts: each open stream holds one, and refusals, /health and half-sent requests need some.
worker_class = "app.server.worker.HardenedWorker"
threads = settings.MAX_IN_FLIGHT + SPARE_THREADS
worker_connections = max(1000, 2 * threads)

# A Unix socket is for the server's own user and group.
umask = 0o117

# The heartbeat comes from the loop that accepts, once a second whatever the model does.
timeout = 60
# A restart reloads the model, so a drain may take its time; answers still running at its end
# are told so.
graceful_timeout = 30
# Longer than a proxy keeps its idle connections (60 s), so that the proxy closes first.
keepalive = 75
# The heartbeat's file: a disk that hangs must not look like a worker that hangs.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - heartbeat only

# The model must be loaded after the fork: neither CUDA nor torch's threads survive one.
preload_app = False
control_socket_disable = True

logger_class = Logger
loglevel = "warning"
accesslog = None
# What a proxy says is `app.middleware.proxy`' to believe, of trusted ones: gunicorn itself would
# take a path, a script's name and a scheme from whoever is on this machine.
forwarder_headers = ""
secure_scheme_headers = {}  # type: ignore[var-annotated]

# Only when the operator turns it on (--access-logfile -): no query string, no referrer.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(D)s us'


def on_starting(server):  # type: ignore[no-untyped-def]
    """In the master, before it listens: end with one line if anything is wrong."""
    check_start(server, settings)


def child_exit(server, worker):  # type: ignore[no-untyped-def]
    """In the master, after a worker's end."""
    record_worker_exit()
