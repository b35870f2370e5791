"""Parts of the start: messages, addresses, logs."""

from __future__ import annotations

import json
import logging
import socket
import sys
from types import SimpleNamespace

import pytest

from app.checkpoint.errors import StartupError
from app.server import startup
from app.server.arbiter_hooks import _check_options
from app.server.log import EXIT_NO_RESTART, GunicornFilter, JsonFormatter, announce
from app.server.timed_socket import TimedSocket
from app.server.worker import HardenedWorker
from config import Config


def test_startup_errors_are_messages_and_others_name_file_and_line() -> None:
    assert startup.one_line(StartupError("a\n  b")) == "a b"
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        line = startup.one_line(error)
    assert line.startswith("ValueError: bad thing (")
    assert "test_startup.py" in line


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = taken.getsockname()
        with pytest.raises(StartupError, match=f"127.0.0.1 port {address[1]}.*in use.*--port"):
            startup.check_address(address)
    startup.check_address(address)
    startup.check_address("/run/some.sock")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartupError, match=r"cannot listen on 192.0.2.1"):
        startup.check_address(("192.0.2.1", 19327))


@pytest.mark.parametrize(
    ("host", "warned"),
    [("127.0.0.1", 0), ("localhost", 0), ("::1", 0), ("0.0.0.0", 1), ("::", 1), ("10.0.0.1", 1)],
)
def test_an_open_server_is_warned_of_once(
    host: str, warned: int, capsys: pytest.CaptureFixture[str]
) -> None:
    startup.warn_if_unauthenticated([host], "text")
    assert capsys.readouterr().err.count("without API keys") == warned


def test_announcements_follow_the_log_format(capsys: pytest.CaptureFixture[str]) -> None:
    announce("准备好了", "text")
    announce("100% 准备好了", "json")
    plain, entry = capsys.readouterr().err.splitlines()
    assert plain == "准备好了"
    assert json.loads(entry)["message"] == "100% 准备好了"


def test_json_entries_are_one_line() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        info = sys.exc_info()
    record = logging.LogRecord("app.x", logging.ERROR, "", 0, "a %s\nb", ("1",), info)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert entry["message"] == "a 1\nb"
    assert entry["level"] == "error"
    assert "ValueError: x" in entry["exception"]


@pytest.mark.parametrize(
    ("message", "arguments", "error", "kept"),
    [
        ("Worker (pid:%s) exited with code %s.", (9, EXIT_NO_RESTART), None, False),
        ("Worker (pid:%s) exited with code %s.", (EXIT_NO_RESTART, 1), None, True),
        ("Shutting down: %s", ("Master",), None, False),
        ("anything else", (), None, True),
    ],
)
def test_noise(
    message: str, arguments: tuple[object, ...], error: BaseException | None, kept: bool
) -> None:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("x", logging.ERROR, "", 0, message, arguments, info)
    assert GunicornFilter().filter(record) is kept


def test_a_cut_connection_is_one_line() -> None:
    info = (TimeoutError, TimeoutError("timed out"), None)
    message = "Socket error processing request."
    record = logging.LogRecord("x", logging.ERROR, "", 0, message, (), info)
    assert GunicornFilter().filter(record)
    line = json.loads(JsonFormatter().format(record))
    assert (line["level"], line["message"]) == ("warning", "a connection was closed: timed out")
    assert "exception" not in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"workers": 2}, "2 workers are configured"),
        ({"workers": 0}, "0 workers are configured"),
        ({"worker_class": object}, "leave out -k"),
        ({"threads": 4}, "4 threads are too few for --max_in_flight 128"),
    ],
)
def test_refuses_gunicorn_options(change: dict[str, object], words: str) -> None:
    good = {"workers": 1, "worker_class": HardenedWorker, "threads": 128 + startup.SPARE_THREADS}
    _check_options(SimpleNamespace(**good), Config())
    with pytest.raises(StartupError, match=words):
        _check_options(SimpleNamespace(**(good | change)), Config())


@pytest.mark.parametrize("count", ["2", "0", "", "many"])
def test_refuses_web_concurrency(count: str) -> None:
    with pytest.raises(StartupError, match="WEB_CONCURRENCY"):
        startup.check_concurrency({"WEB_CONCURRENCY": count})
    startup.check_concurrency({"WEB_CONCURRENCY": "1"})
    startup.check_concurrency({})


def test_a_patient_socket_sends_all_and_gives_up_on_silence() -> None:
    ours, theirs = socket.socketpair()
    with TimedSocket(fileno=ours.detach()) as patient, theirs:
        patient.settimeout(0.2)
        patient.sendall(b"")
        patient.sendall(memoryview(b"abc"))
        assert theirs.recv(9) == b"abc"
        with pytest.raises(TimeoutError):
            patient.sendall(b"x" * 2**24)
