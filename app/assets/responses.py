"""Responses with ETag and gzip: static files and GET pages."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request

from app.assets.static_files import StaticFile, content_digest, gzip_bytes

_CACHED_PAGES = 16
_DYNAMIC_GZIP_LEVEL = 6  #: for pages, which are compressed per request


def send(file: StaticFile, cache_control: str) -> Response:
    """The file, compressed if the client accepts gzip, or 304 if its ETag matches."""
    response = Response(mimetype=file.mimetype)
    _fill(response, file)
    response.headers["Cache-Control"] = cache_control
    return response


def compress_pages(app: Flask) -> None:
    """Compress `app`'s pages and let browsers cache them with revalidation, because they refer
    to the current static files. Responses to forms and errors are not cached."""

    @app.after_request
    def compress(response: Response) -> Response:
        is_page = response.mimetype == "text/html" and response.status_code == 200
        if is_page and request.method in ("GET", "HEAD"):
            _fill(response, _page(response.get_data()))
            response.headers["Cache-Control"] = "private, no-cache"
        return response


def _fill(response: Response, file: StaticFile) -> None:
    use_gzip = file.gzipped is not None and request.accept_encodings["gzip"] > 0
    if file.gzipped is not None:
        response.vary.add("Accept-Encoding")
    if use_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.set_data(file.gzipped if use_gzip and file.gzipped is not None else file.plain)
    # The compressed form needs a different ETag.
    response.set_etag(f"{file.digest}-gzip" if use_gzip else file.digest)
    response.make_conditional(request)


@lru_cache(_CACHED_PAGES)
def _page(html: bytes) -> StaticFile:
    """Cached: pages differ by language and little else."""
    return StaticFile(
        "text/html", html, gzip_bytes(html, _DYNAMIC_GZIP_LEVEL), content_digest(html)
    )
