"""Checks before the model is loaded; an error is printed as one line.

Must not import torch: this also runs in gunicorn's master, which forks the worker.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from app.checkpoint.check import check_model, check_without_memory
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.cpu_features import check_cpu_features
from app.checkpoint.memory import check_memory
from app.middleware.api_keys import ApiKeyFile
from app.prompts.template_selection import (
    check_kwargs_setting,
    check_tokenizer_template,
    read_chat_template,
)
from app.server.check_report import format_check_report
from app.server.log import announce, safe_line
from app.server.preflight import run_preflight
from app.tokenizer.tokenizer import load_tokenizer, load_tokenizer_files
from config import Config, ConfigError

T = TypeVar("T")
#: Threads beyond those of accepted requests: for error responses, /health, static files and
#: uploads of slow clients. gunicorn starts threads when they are first needed.
SPARE_THREADS = 384
_LOOPBACK = ("127.", "::1", "localhost")


def one_line(error: BaseException) -> str:
    """An error as one line for the operator; unexpected errors with type, file and line."""
    if isinstance(error, (StartupError, ConfigError)):
        return " ".join(str(error).split())
    location = ""
    trace = error.__traceback__
    while trace is not None:
        location = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return " ".join(f"{type(error).__name__}: {error}{location}".split())


def exit_with_error(error: BaseException, code: int = 1) -> NoReturn:
    """Print `error` as one line and exit with `code`."""
    sys.stderr.write(f"westlake: {safe_line(one_line(error))}\n")
    sys.stderr.flush()
    raise SystemExit(code)


def exit_on_error(action: Callable[[], T]) -> T:
    """Return the result of `action`; on a StartupError or ConfigError, exit with one line."""
    try:
        return action()
    except (StartupError, ConfigError) as error:
        exit_with_error(error)


def read_settings(environ: Mapping[str, str]) -> Config:
    """Read the settings from `environ`; exit with one line if they are invalid."""
    return exit_on_error(lambda: Config.from_env(environ))


def check_settings(config: Config) -> None:
    """Check what is quick to check: the chat template, the API keys, the upstream's address.

    Raises:
        StartupError: what is wrong, in one line.
    """
    if config.CHAT_TEMPLATE is not None:
        read_chat_template(config.CHAT_TEMPLATE)
    check_kwargs_setting(config.CHAT_TEMPLATE_KWARGS)
    if config.API_KEYS_FILE is not None:
        ApiKeyFile(config.API_KEYS_FILE)
    if config.UPSTREAM is not None:
        from app.upstream.build import upstream_address  # an HTTP library, for this alone

        upstream_address(config)


def check_all(
    config: Config, addresses: Iterable[Any], meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Check the settings, that `addresses` are free, and the model's files. meanwhile: see
    `run_preflight`.

    Raises:
        StartupError: what is wrong, in one line.
    """
    for address in addresses:
        check_address(address)
    check_settings(config)
    if config.UPSTREAM is not None:
        return
    vocab_size = run_preflight(config, meanwhile)
    checked = check_model(config, lambda directory: vocab_size)
    source = checked.tokenizer_source
    if config.CHAT_TEMPLATE is None and load_tokenizer_files(source).chat_template is not None:
        check_tokenizer_template(load_tokenizer(source), checked.tokenizer_directory)


def run_check(config: Config) -> None:
    """`--check`: print the report. Does not check addresses.

    Raises:
        StartupError: what is wrong, in one line; possibly after the report is printed.
    """
    check_settings(config)
    if config.UPSTREAM is not None:
        from app.upstream.build import upstream_address
        from app.upstream.report import upstream_report

        sys.stdout.write(upstream_report(upstream_address(config)) + "\n")
        return
    check_cpu_features()
    vocab_size = run_preflight(config)
    checked = check_without_memory(config, lambda directory: vocab_size)
    tokenizer = load_tokenizer(checked.tokenizer_source)
    sys.stdout.write(format_check_report(config, checked, tokenizer) + "\n")
    sys.stdout.flush()
    if config.CHAT_TEMPLATE is None:
        check_tokenizer_template(tokenizer, checked.tokenizer_directory)
    check_memory(checked.memory, checked.device)


def check_address(address: Any) -> None:
    """Raise StartupError if a TCP `address` (host, port) cannot be bound. gunicorn checks others
    (Unix sockets, inherited file descriptors)."""
    if not isinstance(address, tuple):
        return
    host, port = address[:2]
    try:
        candidates = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, resolved = candidates[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(resolved)
            probe.listen(1)  # fails if another socket listens; bind does not, by SO_REUSEADDR
    except OSError as error:
        raise StartupError(
            f"cannot listen on {host} port {port}: {error.strerror}; pass another --host or --port"
        ) from None


def check_concurrency(environ: Mapping[str, str]) -> None:
    """Raise StartupError if WEB_CONCURRENCY asks for more than one worker."""
    if environ.get("WEB_CONCURRENCY", "1") != "1":
        raise StartupError(
            f"WEB_CONCURRENCY is {environ['WEB_CONCURRENCY']!r}, but only one worker is supported: "
            "the model is loaded once; unset it"
        )


def warn_if_unauthenticated(hosts: Iterable[str], log_format: str) -> None:
    """Warn if the server listens on other than loopback addresses without API keys."""
    exposed = [host for host in hosts if not host.startswith(_LOOPBACK)]
    if exposed:
        announce(
            f"warning: listening on {exposed[0]} without API keys: anyone who reaches this port "
            "can use the model; --host 127.0.0.1 limits it to this machine",
            log_format,
        )


def has_inherited_sockets() -> bool:
    """Whether systemd or a parent gunicorn passes sockets that are already bound."""
    return "LISTEN_FDS" in os.environ or "GUNICORN_FD" in os.environ
