"""A small strict HTTP client: responses, server-sent events and metrics."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from types import TracebackType
from typing import Any

from tests.event_stream import EventStream, read_events

TIMEOUT_S = 60.0
COMPLETIONS = "/v1/completions"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
EMBEDDINGS = "/v1/embeddings"
MESSAGES = "/v1/messages"

Body = Mapping[str, object] | bytes
_SAMPLE = re.compile(r"^westlake_(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """A complete response."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    def ok(self) -> dict[str, Any]:
        """The body; asserts status 200."""
        assert self.status == 200, f"{self.status}: {self.body[:500]!r}"
        return self.json()

    def error(self) -> dict[str, Any]:
        """The `error` object of an error response."""
        body = self.json()
        assert list(body) == ["error"], body
        assert list(body["error"]) == ["message", "type", "param", "code"], body
        return dict(body["error"])


class Open:
    """A request in progress. Leaving the block disconnects."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._response: HTTPResponse | None = None

    def __enter__(self) -> Open:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection at once."""
        if self._response is not None:
            self._response.close()
        self._connection.close()

    @property
    def response(self) -> HTTPResponse:
        """Status and headers; waits for them."""
        if self._response is None:
            self._response = self._connection.getresponse()
        return self._response

    def reply(self) -> Reply:
        """Wait for the complete response."""
        response = self.response
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())

    def lines(self) -> Iterator[tuple[float, str]]:
        """The stream's events and comments as they arrive, each with its time."""
        assert self.response.status == 200, self.response.read()[:500]
        while line := self.response.readline():
            if line.strip():
                yield time.monotonic(), line.decode().rstrip("\n")

    def tokens(self) -> Iterator[float]:
        """The times at which new text arrived."""
        return (at for at, line in self.lines() if '"text":"' in line and '"text":""' not in line)


@dataclass(frozen=True)
class Client:
    """Opens one connection per request."""

    port: int

    def open(self, path: str, body: Body) -> Open:
        """Send a POST and do not wait."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        try:
            connection.request("POST", path, data, {"Content-Type": "application/json"})
        except BaseException:
            connection.close()
            raise
        return Open(connection)

    def post(self, path: str, body: Body) -> Reply:
        """Send a POST and wait for the complete response."""
        with self.open(path, body) as request:
            return request.reply()

    def get(self, path: str) -> Reply:
        """Send a GET and wait for the complete response."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            return Open(connection).reply()
        finally:
            connection.close()

    def stream(self, path: str, body: Mapping[str, object]) -> EventStream:
        """A complete stream; asserts that it has no error."""
        reply = self.post(path, {**body, "stream": True})
        assert reply.status == 200, f"{reply.status}: {reply.body[:500]!r}"
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = read_events(reply.body)
        assert events.done, f"no [DONE]: {reply.body[-500:]!r}"
        return events

    def completion(self, prompt: object, **fields: object) -> str:
        """The text of the only choice."""
        choices = self.post(COMPLETIONS, {"prompt": prompt, **fields}).ok()["choices"]
        assert len(choices) == 1
        return str(choices[0]["text"])

    def metrics(self) -> dict[str, float]:
        """All samples, without the prefix."""
        reply = self.get("/metrics")
        assert reply.status == 200
        return {name: float(value) for name, value in _SAMPLE.findall(reply.body.decode())}

    def in_flight(self) -> int:
        """Requests accepted and not yet ended."""
        now = self.metrics()
        return int(now["requests_running"] + now["requests_waiting"])
