"""A WSGI application that is fast, slow, endless or large, as the path says."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

CUT: list[str] = []


def drained(grace_s: float) -> None:
    """The worker's `on_drain`."""
    sys.stderr.write(f"drained {grace_s}\n")
    sys.stderr.flush()


def stream(seconds: float) -> Iterator[bytes]:
    """A line every tenth of a second."""
    for index in range(int(seconds * 10)):
        yield b"%d\n" % index
        time.sleep(0.1)
    yield b"[DONE]\n"


def endless() -> Iterator[bytes]:
    """More than any socket buffer; records when it is closed."""
    try:
        while True:
            yield b"x" * 65536
    except GeneratorExit:
        CUT.append("endless")
        raise


def answer(path: str, environ: dict[str, Any]) -> bytes:
    """A body that is known at once."""
    name, _, argument = path.partition("/")
    if name == "large":
        return b"x" * int(argument)
    if name == "cut":
        return b"%d" % len(CUT)
    if name == "refuse":
        return b"too large"  # and does not read the body
    if name == "body":
        return b"%d" % len(environ["wsgi.input"].read())
    return b"ok"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI."""
    path = environ["PATH_INFO"].lstrip("/")
    if path.startswith(("stream/", "endless")):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return endless() if path == "endless" else stream(float(path.removeprefix("stream/")))
    body = answer(path, environ)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
