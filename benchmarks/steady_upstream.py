"""An upstream that sends every stream a token at a fixed interval, for as little CPU as it can.

Each token's text is the time at which it is sent (monotonic, which all processes of a machine
share), so that its reader knows how long it was on its way.

    python -m benchmarks.steady_upstream PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque

MODEL = "steady"
#: Of one stream's tokens, and of the wheel that sends them: one slot's streams at a time.
INTERVAL_S, SLOTS = 0.05, 10
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_MODELS = json.dumps(
    {"data": [{"id": MODEL, "owned_by": "steady", "max_model_len": 4096}]}
).encode()
_BEFORE = b'data: {"id":"cmpl-1","object":"chat.completion.chunk","created":1,"model":"steady",' \
    b'"choices":[{"index":0,"delta":{"content":"'  # fmt: skip
_AFTER = b'"},"logprobs":null,"finish_reason":null}]}\n\n'


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class _Stream(asyncio.Protocol):
    """A connection; its requests come one after the other."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel, self._received, self.left = wheel, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self._received = b""
            length = b"Content-Length: %d\r\n\r\n" % len(_MODELS)
            status = b"200 OK" if b" /v1/models " in head else b"404 Not Found"
            self.transport.write(b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%b%b" % (
                status, length, _MODELS))  # fmt: skip
            return
        try:
            self.left = json.loads(body).get("max_tokens", 1)
        except ValueError:  # there is more of it
            return
        self._received = b""
        self.transport.write(_HEAD)
        self.send()
        self._wheel.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.left = 0

    def send(self) -> None:
        """One token."""
        self.left -= 1
        self.transport.write(_chunk(_BEFORE + b"%.6f " % time.monotonic() + _AFTER))

    def end(self) -> None:
        """The stream's last events."""
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
        events = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in (last, usage))
        self.transport.write(_chunk(events + b"data: [DONE]\n\n") + b"0\r\n\r\n")


class Wheel:
    """Sends the streams of one slot after the other."""

    def __init__(self) -> None:
        self._slots: deque[list[_Stream]] = deque([] for _ in range(SLOTS))

    def add(self, stream: _Stream) -> None:
        """Begin a stream that has sent its first token: its next comes an interval later."""
        self._slots[-1].append(stream)

    async def turn(self) -> None:
        """For ever."""
        due = time.monotonic()
        while True:
            streams = self._slots[0]
            self._slots.rotate(-1)
            for stream in list(streams):
                if stream.left > 0:
                    stream.send()
                else:
                    streams.remove(stream)
                    if not stream.transport.is_closing():
                        stream.end()
            due += INTERVAL_S / SLOTS
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _serve(port: int) -> None:
    wheel, loop = Wheel(), asyncio.get_running_loop()
    await loop.create_server(lambda: _Stream(wheel), "127.0.0.1", port, backlog=1024)
    await wheel.turn()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
