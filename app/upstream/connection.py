"""HTTP to an upstream: its address, its key, TLS, timeouts, and its errors as ours."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from app.engine.errors import UpstreamError
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

    def client(self) -> httpx2.AsyncClient:
        """A client of the upstream, which follows no redirects and reads no proxy from the
        environment. A request waits for its answer as long as its caller does."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S, write=WRITE_TIMEOUT_S)
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEEPALIVE_S
        )
        headers = {"User-Agent": f"westlake/{VERSION}", "Accept-Encoding": "identity"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        verify = ssl.create_default_context()
        if self.ca_file is not None:
            verify.load_verify_locations(self.ca_file)
        return httpx2.AsyncClient(
            headers=headers,
            timeout=timeout,
            limits=limits,
            verify=verify,
            trust_env=False,
            follow_redirects=False,
        )


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
