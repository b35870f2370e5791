"""Which of the page's scripts a browser should fetch at once, beside the page.

Knows nothing about what they do.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from "\./([\w.-]+)";$', re.MULTILINE)
FIRST = "page.js"


@cache
def first_modules(static_folder: str) -> tuple[str, ...]:
    """The names, in static/js, of the first script and of all that it imports at once. A
    browser that is told of them need not read one to learn of the next."""
    folder = Path(static_folder) / "js"
    found, waiting = [FIRST], [FIRST]
    while waiting:
        text = (folder / waiting.pop()).read_text(encoding="utf-8")
        new = [name for name in _IMPORT.findall(text) if name not in found]
        found += new
        waiting += new
    return tuple(found)
