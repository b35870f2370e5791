"""Serves the app below a base path, whether or not the proxy strips it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class BasePath:
    """WSGI middleware that moves `base_path` from PATH_INFO to SCRIPT_NAME."""

    def __init__(self, app: WSGIApplication, base_path: str) -> None:
        self._app, self._base_path = app, base_path
        parts = map(re.escape, base_path.strip("/").split("/"))
        self._pattern = re.compile("/+" + "/+".join(parts) + "(/.*)?", re.DOTALL)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if match := self._pattern.fullmatch(environ.get("PATH_INFO", "")):
            environ["PATH_INFO"] = match[1] or "/"
        environ["SCRIPT_NAME"] = self._base_path
        return self._app(environ, start)
