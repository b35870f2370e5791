"""Reading a stream that was kept piece by piece."""

from __future__ import annotations

import json

import pytest

from benchmarks.streams import BadStreamError, Piece, read_stream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked")


def event(**fields: object) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def text(said: str) -> bytes:
    return event(choices=[{"text": said, "index": 0}])


USAGE = event(choices=[], usage={"prompt_tokens": 64, "completion_tokens": 3})
DONE = b"data: [DONE]\n\n"


def test_times_are_those_of_each_events_last_byte() -> None:
    first, second = text(" a"), text(" b c")
    pieces: list[Piece] = [
        (1.0, HEAD + first[:7]),
        (2.0, first[7:]),
        (3.0, b": ping\n\n" + second + text("")),
        (4.0, USAGE + DONE),
        (9.0, b""),
    ]
    stream = read_stream(0.5, pieces)
    assert stream.text_s == (2.0, 3.0)
    assert (stream.first_token_s, stream.gaps_s, stream.ended_s) == (1.5, [1.0], 4.0)
    assert (stream.prompt_tokens, stream.tokens) == (64, 3)


def test_chunks_may_be_cut_anywhere() -> None:
    body = text(" a") + text(" b") + USAGE + DONE
    parts = [body[:30], body[30:35], body[35:]]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    whole = CHUNKED + chunks
    for cut in range(1, len(whole)):
        stream = read_stream(0, [(1.0, whole[:cut]), (2.0, whole[cut:]), (3.0, b"")])
        assert len(stream.text_s) == 2
        assert stream.tokens == 3
        assert stream.ended_s <= 2.0


def test_chat_chunks_and_lines_that_end_as_in_mail() -> None:
    role = event(choices=[{"delta": {"role": "assistant"}}])
    said = event(choices=[{"delta": {"content": "好"}}])
    body = (role + said + USAGE + DONE).replace(b"\n", b"\r\n")
    stream = read_stream(0, [(1.0, HEAD + body), (2.0, b"")])
    assert stream.text_s == (1.0,)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\nno", "422: b'no'"),
        (HEAD + text(" a") + event(error={"message": "out of memory"}), "out of memory"),
        (HEAD + text(" a") + DONE, "usage None"),
        (HEAD + USAGE + DONE, "0 events with text"),
        (b"", "ConnectionClosed"),
        (CHUNKED + b"ff\r\nhalf", "incomplete"),
    ],
)
def test_what_is_no_stream_is_an_error(answer: bytes, complaint: str) -> None:
    with pytest.raises(BadStreamError, match=complaint):
        read_stream(0, [(1.0, answer), (2.0, b"")])
