"""gunicorn in this process, as the command `gunicorn wsgi:app` starts it in the repository."""

from __future__ import annotations

import sys
from pathlib import Path

from gunicorn.app.wsgiapp import WSGIApplication


class GunicornApplication(WSGIApplication):  # type: ignore[misc]
    """Reads gunicorn.conf.py, and GUNICORN_CMD_ARGS. The current directory may be any other:
    no module of it is imported.

    https://gunicorn.org/custom/
    """

    def __init__(self, root: Path) -> None:
        """root: the folder of wsgi.py and gunicorn.conf.py."""
        self._root = root
        sys.argv[1:] = ["wsgi:app"]  # which gunicorn parses
        super().__init__()

    def load_default_config(self) -> None:
        """Change to `root` before gunicorn looks for its settings."""
        super().load_default_config()
        self.cfg.set("chdir", str(self._root))
