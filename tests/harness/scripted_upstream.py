"""An OpenAI-compatible server that answers as a test says, down to the single byte."""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.harness.waiting import LIMIT_S, wait_until

MODEL = "org/model-7b"
_NO_HEADERS: Mapping[str, str] = {}


@dataclass
class Wire:
    """One request that has been read, and the connection to answer it on."""

    path: str
    headers: Mapping[str, str]  #: names in lower case
    body: dict[str, Any]
    connection: socket.socket
    closed_at: float | None = None  #: when the other side closed it, monotonic

    def head(
        self,
        status: int = 200,
        content_type: str = "text/event-stream",
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        """Send the status line and headers of a body that ends with the connection."""
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {content_type}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.raw(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode())

    def json(self, status: int, body: object, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """Send a whole response."""
        self.head(status, "application/json", headers)
        self.raw(json.dumps(body).encode())

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.closed_at = time.monotonic()
            raise

    def event(self, body: object) -> None:
        """Send one event."""
        self.raw(b"data: " + json.dumps(body).encode() + b"\n\n")

    def chunk(self, index: int = 0, reason: str | None = None, **new: object) -> None:
        """Send a chunk of one choice, in the shape of the route; `new`: of its delta."""
        body: dict[str, object] = {"index": index, "finish_reason": reason}
        body |= {"delta": new} if "chat" in self.path else new
        self.event({"choices": [body]})

    def usage(self, prompt_tokens: int, completion_tokens: int, **more: object) -> None:
        """Send the usage chunk."""
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, **more}
        self.event({"choices": [], "usage": usage})

    def text(self, *pieces: str, reason: str = "stop") -> None:
        """Send a whole stream of one choice."""
        self.head()
        key = "content" if "chat" in self.path else "text"
        for piece in pieces:
            self.chunk(**{key: piece})
        self.chunk(reason=reason, **{key: ""})
        self.usage(7, len(pieces))
        self.raw(b"data: [DONE]\n\n")

    def reset(self) -> None:
        """Close the connection as a process that is killed does."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def wait_closed(self, limit_s: float = LIMIT_S) -> None:
        """Wait until the other side closes the connection."""
        readable, _, _ = select.select([self.connection], [], [], limit_s)
        if not readable:
            return
        try:
            closed = not self.connection.recv(1)
        except OSError:  # it was closed before everything sent was read
            closed = True
        if closed:
            self.closed_at = time.monotonic()


Script = Callable[[Wire], None]


@dataclass
class ScriptedUpstream:
    """Its attributes may be changed between requests."""

    port: int
    script: Script = lambda wire: wire.text("Hello", " there")
    owned_by: str = "vllm"
    models: Sequence[str] = (MODEL,)
    max_model_len: int | None = 4096
    health: int = 200
    version: str | None = "0.32.0"  #: of /version; None: there is no such route
    tokens: Sequence[int] | None = None  #: of /tokenize; None: there is no such route
    texts: Mapping[int, str] | None = None  #: of /detokenize; None: there is no such route
    props: Mapping[str, object] | None = None  #: of /props; None: there is no such route
    meta: Mapping[str, object] | None = None  #: of each model in /v1/models
    scheme: str = "http"
    received: list[Wire] = field(default_factory=list)  #: all but probes

    @property
    def url(self) -> str:
        """For --upstream."""
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    @property
    def last(self) -> Wire:
        """The request that came last."""
        return self.received[-1]

    def answer(self, wire: Wire) -> None:
        """One request: probes by the attributes, others by the script."""
        if wire.path == "/v1/models":
            self._list(wire)
        elif wire.path in ("/health", "/ready"):
            wire.json(self.health, {})
        elif wire.path == "/version" and self.version is not None:
            wire.json(200, {"version": self.version})
        elif wire.path == "/tokenize" and self.tokens is not None:
            wire.json(200, {"count": len(self.tokens), "tokens": list(self.tokens)})
        elif wire.path == "/detokenize" and self.texts is not None:
            text = "".join(self.texts[token] for token in wire.body["tokens"])
            wire.json(200, {"content": text, "prompt": text})
        elif wire.path == "/props" and self.props is not None:
            wire.json(200, self.props)
        elif wire.path.startswith("/v1/"):
            self.received.append(wire)
            self.script(wire)
        else:
            wire.json(404, {"detail": "Not Found"})

    def _list(self, wire: Wire) -> None:
        about = {"object": "model", "owned_by": self.owned_by, "max_model_len": self.max_model_len}
        about |= {} if self.meta is None else {"meta": self.meta}
        wire.json(200, {"object": "list", "data": [{"id": name, **about} for name in self.models]})


@contextmanager
def scripted_upstream(
    tls: ssl.SSLContext | None = None, port: int = 0, **attributes: Any
) -> Iterator[ScriptedUpstream]:
    """A running one, on a free port of this machine unless one is given."""
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    scheme = "http" if tls is None else "https"
    upstream = ScriptedUpstream(listener.getsockname()[1], scheme=scheme, **attributes)
    threads: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_handle, args=(upstream, connection, tls), daemon=True)
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    try:
        yield upstream
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def _handle(
    upstream: ScriptedUpstream, connection: socket.socket, tls: ssl.SSLContext | None
) -> None:
    with suppress(OSError):
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection:
            if wire := _read(connection):
                upstream.answer(wire)


def _read(connection: socket.socket) -> Wire | None:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(1 << 16)
        if not part:
            return None
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    request, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(1 << 16)
    return Wire(request.split()[1], headers, json.loads(body) if body else {}, connection)


def answered(upstream: ScriptedUpstream, count: int = 1) -> Wire:
    """Wait until that many requests have come; the last of them."""
    wait_until(lambda: len(upstream.received) >= count, "no request reached the upstream".format)
    return upstream.received[count - 1]
