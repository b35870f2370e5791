"""Each page's style sheets, in order, and its entry module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Must run before the first paint (no flash of the wrong theme), so it is not a module.
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


#: Keys: the name a template sets with `{% set page = … %}`.
PAGES: Mapping[str, Page] = {
    "playground": _page(_PLAYGROUND, "js/page.js"),
    "docs": _page(("docs",), "js/docs.js"),
    "error": _page((), None),
}
