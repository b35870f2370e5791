"""What each page loads: its style sheets in their order, and its first module.

Knows nothing about how they get to the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Runs before anything is drawn, so it is a file of its own and no module.
THEME_SCRIPT = "js/theme.js"

_FIRST = ("theme", "base", "header")
_LAST = ("contrast", "print")
_PLAYGROUND = (
    "layout",
    "chat",
    "markdown",
    "parameters",
    "completion",
    "embeddings",
    "dialogs",
    "short_viewport",
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page's files, as paths in the static folder."""

    styles: tuple[str, ...]
    module: str | None


def _page(styles: tuple[str, ...], module: str | None) -> Page:
    return Page(tuple(f"css/{name}.css" for name in (*_FIRST, *styles, *_LAST)), module)


#: By the name that a template gives itself with `{% set page = … %}`.
PAGES: Mapping[str, Page] = {
    "playground": _page(_PLAYGROUND, "js/page.js"),
    "docs": _page(("docs",), "js/docs.js"),
    "error": _page((), None),
}
