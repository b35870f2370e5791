"""HTTP to an upstream: its address, its key, TLS, timeouts, and its errors as ours."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType

import httpcore2
import httpx2

from app.engine.errors import UpstreamError
from app.upstream.asyncio_backend import AsyncioBackend
from app.version import VERSION

CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 30.0
#: uvicorn closes idle connections after 5 s; one that it is closing must not be used again.
KEEPALIVE_S = 3.0


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """Where an upstream is, and how to speak to it."""

    url: str  #: ends in /v1, as a rule; without a slash at its end
    key: str | None = None
    ca_file: str | None = None  #: of the authority that signed its certificate

    @property
    def root(self) -> str:
        """Where its routes beside /v1 are."""
        return self.url.removesuffix("/v1")

    def client(self) -> UpstreamClient:
        """A client of the upstream."""
        verify = ssl.create_default_context()
        if self.ca_file is not None:
            verify.load_verify_locations(self.ca_file)
        headers = {"User-Agent": f"westlake/{VERSION}", "Accept-Encoding": "identity"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        return UpstreamClient(_Transport(verify, self.url), headers)


class _Transport(httpx2.AsyncHTTPTransport):
    """Over TLS, connections are used again. Without it each request has its own: of 1,000 requests
    to a llama-server, one came just when it closed the connection."""

    def __init__(self, verify: ssl.SSLContext, url: str) -> None:
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEEPALIVE_S
        )
        super().__init__(verify=verify, limits=limits)
        if url.startswith("http:"):
            self._pool = httpcore2.AsyncConnectionPool(
                max_connections=None,
                max_keepalive_connections=0,
                network_backend=AsyncioBackend(),
            )


class UpstreamClient:
    """Sends requests by httpx's transport alone: of what its client does besides, redirects,
    cookies, and proxies of the environment are not wanted, and it takes a third of a
    millisecond. A request waits for its answer as long as its caller does."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, headers: Mapping[str, str]) -> None:
        """headers: of each request."""
        self._transport, self._headers = transport, headers
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S)
        self._extensions = {"timeout": timeout.as_dict()}
        self._urls: dict[str, httpx2.URL] = {}  #: parsed

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """The response, of which the headers have come. Raises httpx2.TransportError."""
        if (parsed := self._urls.get(url)) is None:
            parsed = self._urls[url] = httpx2.URL(url)
        request = httpx2.Request(
            method,
            parsed,
            headers={**self._headers, **(headers or {})},
            content=content,
            extensions=self._extensions,
        )
        response = await self._transport.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def __aenter__(self) -> UpstreamClient:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)


@asynccontextmanager
async def transport_errors(where: str) -> AsyncIterator[None]:
    """Turns errors of the transport into ours. where: what was going on.

    Raises:
        UpstreamError: 504 for a timeout, else 502.
    """
    try:
        yield
    except httpx2.TimeoutException as error:
        raise UpstreamError(
            f"the upstream takes too long ({_words(error)}): {where}", 504, "upstream_timeout"
        ) from error
    except (httpx2.ConnectError, ssl.SSLError) as error:
        raise UpstreamError(
            f"the upstream cannot be reached: {_words(error)}", 502, "upstream_unreachable"
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UpstreamError(
            f"the connection to the upstream broke ({_words(error)}): {where}",
            502,
            "upstream_error",
        ) from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def headers_of(request_id: str) -> Mapping[str, str]:
    """Those of one request."""
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
    return {**headers, "X-Request-Id": request_id} if request_id else headers


async def read_limited(response: httpx2.Response, limit: int) -> bytes:
    """A whole body, or its beginning, up to `limit` bytes."""
    parts, size = [], 0
    async for part in response.aiter_raw():
        parts.append(part[: limit - size])
        size += len(part)
        if size >= limit:
            break
    return b"".join(parts)
