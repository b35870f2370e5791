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
from app.middleware.api_keys import KeyFile
from app.prompts.template_selection import read_chat_template, try_own
from app.server.check_report import check_table
from app.server.log import announce, safe_line
from app.server.preflight import rehearse
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
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return " ".join(f"{type(error).__name__}: {error}{place}".split())


def fail(error: BaseException, code: int = 1) -> NoReturn:
    """Tell `error` in one line and end the process with `code`."""
    sys.stderr.write(f"westlake: {safe_line(one_line(error))}\n")
    sys.stderr.flush()
    raise SystemExit(code)


def or_fail(action: Callable[[], T]) -> T:
    """What `action` returns; ends the process with one line when it finds a mistake."""
    try:
        return action()
    except (StartupError, ConfigError) as error:
        fail(error)


def read_settings(environ: Mapping[str, str]) -> Config:
    """The settings of `environ`; ends the process with one line when they are wrong."""
    return or_fail(lambda: Config.from_env(environ))


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
        KeyFile(config.API_KEYS_FILE)
    counted = rehearse(config)
    checked = check_model(config, lambda directory: counted)
    directory = checked.tokenizer_directory
    if config.CHAT_TEMPLATE is None and read_tokenizer_files(directory).chat_template is not None:
        try_own(load_tokenizer(directory), directory)


def check_only(config: Config) -> None:
    """`--check`: print what would be served, without looking at addresses.

    Raises:
        StartupError: what is wrong, in one line; the table comes before it where there is one.
    """
    check_cpu_features()
    if config.CHAT_TEMPLATE is not None:
        read_chat_template(config.CHAT_TEMPLATE)
    counted = rehearse(config)
    checked = check_without_memory(config, lambda directory: counted)
    tokenizer = load_tokenizer(checked.tokenizer_directory)
    sys.stdout.write(check_table(config, checked, tokenizer) + "\n")
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
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, resolved = found[0]
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


def warn_if_open(hosts: Iterable[str], log_format: str) -> None:
    """One warning line when the server listens beyond this machine without API keys."""
    beyond = [host for host in hosts if not host.startswith(_LOOPBACK)]
    if beyond:
        announce(
            f"warning: listening on {beyond[0]} without API keys: whoever reaches this port can "
            "use the model; --host 127.0.0.1 keeps it to this machine",
            log_format,
        )


def inherited_listeners() -> bool:
    """True when systemd or an older gunicorn hands us sockets that are already bound."""
    return "LISTEN_FDS" in os.environ or "GUNICORN_FD" in os.environ
