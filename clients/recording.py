"""A proxy that passes requests on to a server and keeps their JSON bodies.

Knows nothing about any API. Answers are passed on piece by piece, so streams stay streams.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: Headers of one connection, which are not passed on.
HOP_BY_HOP = {"connection", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Recorded:
    """One request as it came, and the status it got."""

    method: str
    path: str
    headers: dict[str, str]  #: their names in small letters
    body: Any
    status: int
    refused: str  #: the answer's text where the status is 400 or more


@dataclass
class Recorder:
    """The proxy's address, and what went through it."""

    address: str
    requests: list[Recorded] = field(default_factory=list)

    def bodies(self, path: str) -> list[Any]:
        """The bodies of the requests for `path`, without their query, in the order of answers."""
        return [each.body for each in self.requests if urlsplit(each.path).path == path]


@contextmanager
def recording(target: str) -> Iterator[Recorder]:
    """A proxy in front of `target`, such as http://127.0.0.1:19327, while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    recorder = Recorder(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(target, recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()


def _handler(target: str, recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: the end of an answer is the end of its connection.
        def pass_on(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            upstream = HTTPConnection(urlsplit(target).netloc)
            upstream.request(self.command, self.path, data or None, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            small = {name.lower(): value for name, value in headers.items()}
            body = json.loads(data) if data else None
            refused = answer.read() if answer.status >= HTTPStatus.BAD_REQUEST else b""
            self.wfile.write(refused)
            recorder.requests.append(
                Recorded(self.command, self.path, small, body, answer.status, refused.decode())
            )
            while piece := answer.read1():
                self.wfile.write(piece)
                self.wfile.flush()
            upstream.close()

        do_GET = do_HEAD = do_POST = pass_on

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    return Handler
