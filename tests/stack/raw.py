"""Malformed and unusual HTTP requests as raw bytes; the name says what is wrong."""

from __future__ import annotations

import re
import socket
import time

_END = b"\r\n\r\n"
_GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
_POST = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_BODY = b'{"prompt": [5], "max_tokens": 1}'
_HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"


def _sized(size: bytes, body: bytes = _BODY) -> bytes:
    return _POST + b"Content-Length: " + size + _END + body


#: Each may get at most one response, and no 5xx except 501 and 505.
CASES: dict[str, bytes] = {
    # the request line
    "no version": b"GET /health\r\n\r\n",
    "version 0.9": b"GET /health HTTP/0.9\r\nHost: localhost\r\n\r\n",
    "version 1.2": b"GET /health HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "version 2.0": b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "version 9.9": b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "version lower case": b"GET /health http/1.1\r\nHost: localhost\r\n\r\n",
    "version with letters": b"GET /health HTTP/1.x\r\nHost: localhost\r\n\r\n",
    "version with a sign": b"GET /health HTTP/+1.1\r\nHost: localhost\r\n\r\n",
    "version with a blank": b"GET /health HTTP/ 1.1\r\nHost: localhost\r\n\r\n",
    "two blanks": b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tab for a blank": b"GET\t/health\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a blank in the path": b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an empty method": b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method of small letters": b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method with a colon": b"GE:T /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method with a NUL": b"G\0T /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an endless method": b"G" * 9000 + b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TRACE": b"TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "OPTIONS of everything": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a whole address": b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another's whole address": b"GET http://example.org/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path without a slash": b"GET health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path of raw UTF-8": "GET /健康 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "a path of broken UTF-8": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with a NUL": b"GET /hea\0lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with an encoded NUL": b"GET /hea%00lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with an encoded line end": b"GET /a%0d%0aX:%20y HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with half an escape": b"GET /a%f HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path upwards": b"GET /static/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path upwards, encoded": b"GET /static/%2e%2e/%2e%2e/config.py HTTP/1.1\r\nHost: localhost"
    + _END,
    "a path of 9,000 bytes": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path of 100,000 bytes": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a fragment": b"GET /health#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "only line ends": b"\r\n\r\n\r\n\r\n",
    "a line end before": b"\r\n" + _GET + b"\r\n",
    "TLS on a plain port": bytes.fromhex("1603010200010001fc0303") + b"\0" * 64,
    "a binary": bytes(range(256)),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    # headers
    "no Host": b"GET /health HTTP/1.1\r\n\r\n",
    "two Hosts": _GET + b"Host: example.org\r\n\r\n",
    "a Host with a path": b"GET /health HTTP/1.1\r\nHost: localhost/v1?\r\n\r\n",
    "a Host with a NUL": b"GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n",
    "a header without a colon": _GET + b"Broken\r\n\r\n",
    "a header without a name": _GET + b": value\r\n\r\n",
    "a blank before the colon": _GET + b"Content-Length : 5\r\n\r\nhello",
    "a blank in a name": _GET + b"X Y: z\r\n\r\n",
    "a name with a NUL": _GET + b"X\0Y: z\r\n\r\n",
    "a value with a NUL": _GET + b"X: a\0b\r\n\r\n",
    "a value with a lone line feed": _GET + b"X: a\nHidden: b\r\n\r\n",
    "a value with a lone carriage return": _GET + b"X: a\rHidden: b\r\n\r\n",
    "a value of raw bytes": _GET + b"X: \xff\xfe\x80\r\n\r\n",
    "a folded value": _GET + b"X: a\r\n b\r\n\r\n",
    "a first line that is folded": b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "only line feeds": b"GET /health HTTP/1.1\nHost: localhost\n\n",
    "a header of 9,000 bytes": _GET + b"X: " + b"a" * 9000 + _END,
    "a header of 70,000 bytes": _GET + b"X: " + b"a" * 70_000 + _END,
    "200 headers": _GET + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "5,000 headers": _GET + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + b"\r\n",
    "underscores": _GET + b"Content_Length: 5\r\n\r\n",
    "an unknown expectation": _POST + b"Expect: tea\r\nContent-Length: 2\r\n\r\n{}",
    "an upgrade": _GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    # lengths
    "a length with a sign": _sized(b"+%d" % len(_BODY)),
    "a negative length": _sized(b"-1"),
    "a length of letters": _sized(b"many"),
    "a hexadecimal length": _sized(b"0x20"),
    "a length with a point": _sized(b"32.0"),
    "an empty length": _sized(b""),
    "a length with a blank inside": _sized(b"3 2"),
    "a length with an underscore": _sized(b"3_2"),
    "a length of other digits": _sized("３２".encode()),
    "a length over 64 bits": _sized(b"9" * 30),
    "a list of lengths": _sized(b"%d, %d" % (len(_BODY), len(_BODY))),
    "two equal lengths": _POST + b"Content-Length: 32\r\nContent-Length: 32" + _END + _BODY,
    "two lengths": _POST + b"Content-Length: 32\r\nContent-Length: 0" + _END + _BODY + _HIDDEN,
    "a length and chunks": _POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked" + _END
    + b"0\r\n\r\n" + _HIDDEN,
    "chunks and a length": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4" + _END
    + b"0\r\n\r\n" + _HIDDEN,
    "a length that is too short": _sized(b"5", _BODY),
    # transfer codings
    "chunked twice": _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" + _END
    + b"0\r\n\r\n" + _HIDDEN,
    "chunked, then identity": _POST + b"Transfer-Encoding: chunked, identity" + _END + b"0\r\n\r\n",
    "identity": _POST + b"Transfer-Encoding: identity\r\nContent-Length: 32" + _END + _BODY,
    "an unknown coding": _POST + b"Transfer-Encoding: tea" + _END + b"0\r\n\r\n" + _HIDDEN,
    "a coding with a vertical tab": _POST + b"Transfer-Encoding: \x0bchunked" + _END + b"0\r\n\r\n",
    "a coding in quotes": _POST + b'Transfer-Encoding: "chunked"' + _END + b"0\r\n\r\n" + _HIDDEN,
    "gzip": _POST + b"Transfer-Encoding: gzip, chunked" + _END + b"0\r\n\r\n",
    "chunks in HTTP/1.0": _CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n" + _HIDDEN,
    "a chunk's size with a sign": _CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative chunk": _CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk's size with 0x": _CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk's size of letters": _CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "a chunk's size over 64 bits": _CHUNKED + b"f" * 20 + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk's empty size": _CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk that is too long": _CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    "a chunk without its end": _CHUNKED + b"5\r\nhello0\r\n\r\n",
    "chunks with line feeds only": _CHUNKED + b"5\nhello\n0\n\n" + _HIDDEN,
    "a chunk's extension with a line feed": _CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "an endless chunk's extension": _CHUNKED + b"5;" + b"a" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
    "trailers": _CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "5,000 trailers": _CHUNKED + b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    # bodies
    "a body of a GET": _GET + b"Content-Length: 5\r\n\r\nhello",
    "a body of a GET that is a request": _GET + b"Content-Length: %d" % len(_HIDDEN) + _END
    + _HIDDEN,
    "a body without a length": _POST + b"\r\n" + _BODY,
    "a compressed body": _POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
    "no body": _sized(b"0", b""),
}  # fmt: skip

_ANSWER = re.compile(rb"(?:^|\r\n|[}>\n0-9])HTTP/1\.[01] (\d{3}) ")


def exchange(address: tuple[str, int] | str, sent: bytes, wait_timeout_s: float = 1.0) -> bytes:
    """Send bytes; read until the server closes or sends nothing for a while."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.connect(address)
        try:
            peer.sendall(sent)
        except OSError:
            pass  # rejected while sending: the response can still be read
        received = b""
        peer.settimeout(wait_timeout_s)
        end = time.monotonic() + 10
        try:
            while time.monotonic() < end and (part := peer.recv(65536)):
                received += part
        except OSError:
            pass
        return received


def statuses(received: bytes) -> list[int]:
    """The statuses of all responses except 1xx."""
    codes = [int(status) for status in _ANSWER.findall(received)]
    return [status for status in codes if status >= 200]
