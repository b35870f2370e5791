"""Log formats: one line of text or one JSON object per entry.

Control characters are escaped, so a client's text cannot forge a log line or send escape sequences
to a terminal. Structured fields are passed as `extra={"fields": {"status": 200}}`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

#: The worker's exit code that makes gunicorn's master stop instead of restarting it (gunicorn's
#: Arbiter.APP_LOAD_ERROR).
EXIT_NO_RESTART = 4
#: These tell how far a start is, which may take minutes: logged at any level.
_LOADING = ("app.model.loading.progress", "app.model.weight_cache")
_ORDINARY_EXIT = ("Shutting down: Master", "Reason: App failed to load.")
MAX_CHARACTERS = 4000
_INDENT = "    "

#: Control characters, Unicode line separators, bidirectional marks, surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_PLAIN = re.compile(r"[^\s\"=]+")


def safe_line(text: str) -> str:
    """`text` with unsafe characters escaped, truncated to MAX_CHARACTERS."""
    return _UNSAFE.sub(_escape, _truncated(text))


def _truncated(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "..."


def _escape(match: re.Match[str]) -> str:
    codepoint = ord(match[0])
    return f"\\x{codepoint:02x}" if codepoint < 256 else f"\\u{codepoint:04x}"


class TextFormatter(logging.Formatter):
    """One line per record: time, level, message, fields as name=value. A traceback follows,
    indented, so that none of its lines looks like an entry."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several if the record has a traceback."""
        fields = getattr(record, "fields", {})
        pairs = [f"{name}={_value(value)}" for name, value in fields.items()]
        words = [self.formatTime(record), record.levelname, safe_line(record.getMessage()), *pairs]
        lines = [" ".join(words)]
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            lines += [_INDENT + safe_line(line) for line in trace.split("\n")]
        return "\n".join(lines)


def _value(value: object) -> str:
    text = safe_line(str(value))
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (UTC), level, logger, message, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "time": f"{timestamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _truncated(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        text = json.dumps(entry, ensure_ascii=False)
        return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class GunicornFilter(logging.Filter):
    """Shortens or drops gunicorn's messages about ordinary events."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False: drop gunicorn's messages about an exit whose reason is already logged. A failed
        connection becomes a one-line warning without a traceback."""
        message = str(record.msg)
        if message.startswith("Socket error processing request") and record.exc_info:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = "a connection was closed: %s", (record.exc_info[1],)
            record.exc_info = None
            return True
        if message.startswith("Worker (pid:%s) exited with code"):
            arguments = record.args if isinstance(record.args, tuple) else ()
            return EXIT_NO_RESTART not in arguments[1:]
        return record.getMessage() not in _ORDINARY_EXIT


class Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's logger; the application's loggers use the same handlers and format."""

    #: "text" or "json"; set by gunicorn.conf.py.
    log_format = "text"

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn when it starts and when it reloads."""
        super().setup(cfg)
        formatter = JsonFormatter() if self.log_format == "json" else TextFormatter()
        app_logger = logging.getLogger("app")
        app_logger.setLevel(self.error_log.level)
        for name in _LOADING:
            logging.getLogger(name).setLevel(logging.INFO)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)
            handler.addFilter(GunicornFilter())
        for handler in self.access_log.handlers:  # only with --access-logfile
            handler.setFormatter(formatter)
        app_logger.handlers = list(self.error_log.handlers)
        app_logger.propagate = False


def announce(message: str, log_format: str) -> None:
    """Write one line to stderr at any log level, for messages every operator needs."""
    if log_format == "json":
        record = logging.LogRecord("app", logging.INFO, "", 0, message, (), None)
        message = JsonFormatter().format(record)
    else:
        message = safe_line(message)
    try:
        sys.stderr.write(message + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # a full disk or a closed pipe: it cannot be reported anywhere
