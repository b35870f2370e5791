"""Everything that can be found wrong before the model is loaded, told in one line.

Knows nothing about torch, which may not be imported in gunicorn's master: it forks later.
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
from app.prompts.template_selection import read_chat_template, try_own
from app.server.check_report import format_check_report
from app.server.log import announce, safe_line
from app.server.preflight import run_preflight
from app.tokenizer.config_files import read_tokenizer_files
from app.tokenizer.tokenizer import load_tokenizer
from config import Config, ConfigError

T = TypeVar("T")
#: Threads besides those that serve accepted requests: refusals, /health, static files, and the
#: half-sent requests of slow or hostile clients. One is made when it is first needed.
SPARE_THREADS = 384
_LOOPBACK = ("127.", "::1", "localhost")


def one_line(error: BaseException) -> str:
    """An error in words, for an operator; mistakes are messages already, faults get a place."""
    if isinstance(error, (StartupError, ConfigError)):
        return " ".join(str(error).split())
    location = ""
    trace = error.__traceback__
    while trace is not None:
        location = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return " ".join(f"{type(error).__name__}: {error}{location}".split())


def exit_with_error(error: BaseException, code: int = 1) -> NoReturn:
    """Tell `error` in one line and end the process with `code`."""
    sys.stderr.write(f"westlake: {safe_line(one_line(error))}\n")
    sys.stderr.flush()
    raise SystemExit(code)


def exit_on_error(action: Callable[[], T]) -> T:
    """What `action` returns; ends the process with one line when it finds a mistake."""
    try:
        return action()
    except (StartupError, ConfigError) as error:
        exit_with_error(error)


def read_settings(environ: Mapping[str, str]) -> Config:
    """The settings of `environ`; ends the process with one line when they are wrong."""
    return exit_on_error(lambda: Config.from_env(environ))


def check_all(config: Config, addresses: Iterable[Any]) -> None:
    """Check the model's files, its chat template or the one given, the API keys, and that
    `addresses` can be listened on.

    Raises:
        StartupError: what is wrong, in one line.
    """
    for address in addresses:
        check_address(address)
    if config.CHAT_TEMPLATE is not None:
        read_chat_template(config.CHAT_TEMPLATE)
    if config.API_KEYS_FILE is not None:
        ApiKeyFile(config.API_KEYS_FILE)
    token_count = run_preflight(config)
    checked = check_model(config, lambda directory: token_count)
    directory = checked.tokenizer_directory
    if config.CHAT_TEMPLATE is None and read_tokenizer_files(directory).chat_template is not None:
        try_own(load_tokenizer(directory), directory)


def run_check(config: Config) -> None:
    """`--check`: print what would be served, without looking at addresses.

    Raises:
        StartupError: what is wrong, in one line; the table comes before it where there is one.
    """
    check_cpu_features()
    if config.CHAT_TEMPLATE is not None:
        read_chat_template(config.CHAT_TEMPLATE)
    token_count = run_preflight(config)
    checked = check_without_memory(config, lambda directory: token_count)
    tokenizer = load_tokenizer(checked.tokenizer_directory)
    sys.stdout.write(format_check_report(config, checked, tokenizer) + "\n")
    sys.stdout.flush()
    if config.CHAT_TEMPLATE is None:
        try_own(tokenizer, checked.tokenizer_directory)
    check_memory(checked.memory, checked.device)


def check_address(address: Any) -> None:
    """Raises StartupError when a TCP `address` (host, port) cannot be bound. Others (Unix
    sockets, inherited descriptors) are gunicorn's to check."""
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
            probe.listen(1)  # a listener with SO_REUSEADDR is noticed only here
    except OSError as error:
        raise StartupError(
            f"cannot listen on {host} port {port}: {error.strerror}; pass another --host or --port"
        ) from None


def check_concurrency(environ: Mapping[str, str]) -> None:
    """Raises StartupError when WEB_CONCURRENCY asks for more than the one worker."""
    if environ.get("WEB_CONCURRENCY", "1") != "1":
        raise StartupError(
            f"WEB_CONCURRENCY is {environ['WEB_CONCURRENCY']!r}, but there is one worker only: "
            "the model is loaded once; unset it"
        )


def warn_if_unauthenticated(hosts: Iterable[str], log_format: str) -> None:
    """One warning line when the server listens beyond this machine without API keys."""
    exposed = [host for host in hosts if not host.startswith(_LOOPBACK)]
    if exposed:
        announce(
            f"warning: listening on {exposed[0]} without API keys: whoever reaches this port can "
            "use the model; --host 127.0.0.1 keeps it to this machine",
            log_format,
        )


def has_inherited_sockets() -> bool:
    """True when systemd or an older gunicorn hands us sockets that are already bound."""
    return "LISTEN_FDS" in os.environ or "GUNICORN_FD" in os.environ
