"""gunicorn's log in the server's format: one line of text or one JSON object per entry.

Knows nothing about requests: it writes no prompt, no path, no client.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

#: The worker's exit code that makes gunicorn's master stop instead of starting another.
HALT = 4
_HALTED = ("Shutting down: Master", "Reason: App failed to load.")
_TEXT = "%(asctime)s %(levelname)s %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (UTC), level, logger, message, exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class _Noise(logging.Filter):
    """Shortens what gunicorn says around events that are ordinary here."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a halt whose reason is already told. A connection that failed is one line."""
        message = str(record.msg)
        if message.startswith("Socket error processing request") and record.exc_info:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = "a connection was cut: %s", (record.exc_info[1],)
            record.exc_info = None
            return True
        if message.startswith("Worker (pid:%s) exited with code"):
            arguments = record.args if isinstance(record.args, tuple) else ()
            return HALT not in arguments[1:]
        return record.getMessage() not in _HALTED


class Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's logger, which also carries what the application logs."""

    #: "text" or "json"; set by gunicorn.conf.py.
    log_format = "text"

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn when it starts and when it reloads."""
        super().setup(cfg)
        formatter = JsonFormatter() if self.log_format == "json" else logging.Formatter(_TEXT)
        ours = logging.getLogger("app")
        ours.setLevel(self.error_log.level)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)
            handler.addFilter(_Noise())
        ours.handlers = list(self.error_log.handlers)
        ours.propagate = False


def announce(message: str, log_format: str) -> None:
    """Say something every operator wants to see, whatever the log level: one line on stderr."""
    if log_format == "json":
        record = logging.LogRecord("app", logging.INFO, "", 0, message, (), None)
        message = JsonFormatter().format(record)
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
