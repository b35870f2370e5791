"""Takes Markdown apart, as far as the finder needs it: code, links, headings."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?: {4,}.*\n?)+")
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def code(text: str) -> list[str]:
    """All code blocks and code spans."""
    blocks = [*_FENCE.findall(text), *_INDENTED.findall(text)]
    rest = _INDENTED.sub("", _FENCE.sub("", text))
    return blocks + [span for _, span in _SPAN.findall(rest)]


def links(text: str) -> list[str]:
    """The targets of links and pictures that are not URLs."""
    return [target for target in _LINK.findall(text) if "://" not in target]


def slugs(text: str) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
