"""Answers whose content has an ETag and may be compressed: files, and pages that are asked for.

Knows nothing about where the content comes from.
"""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request

from app.assets.static_files import StaticFile, content_digest, gzip_bytes

_CACHED_PAGES = 16
_DYNAMIC_GZIP_LEVEL = 6  #: level of compression where somebody waits for it


def send(file: StaticFile, cache_control: str) -> Response:
    """The file in the form that the client takes, or 304 where it has that already."""
    response = Response(mimetype=file.mimetype)
    _fill(response, file)
    response.headers["Cache-Control"] = cache_control
    return response


def compress_pages(app: Flask) -> None:
    """Hook into `app` that pages are compressed, and kept by browsers, which ask each time
    whether they still hold: they name the current files. Answers to forms are not kept, and
    neither are errors."""

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
    # Two forms are two entities.
    response.set_etag(f"{file.digest}-gzip" if use_gzip else file.digest)
    response.make_conditional(request)


@lru_cache(_CACHED_PAGES)
def _page(html: bytes) -> StaticFile:
    """Pages differ by language and little else."""
    return StaticFile(
        "text/html", html, gzip_bytes(html, _DYNAMIC_GZIP_LEVEL), content_digest(html)
    )
