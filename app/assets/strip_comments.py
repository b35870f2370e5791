"""Leaves out the lines of a script that are comments: a seventh of what would be sent.

Knows nothing about JavaScript but that `//` begins a comment, and that text between two
backticks may have lines that look like one.
"""

from __future__ import annotations


def strip_comments(text: str) -> str:
    """The script without the lines that only hold a comment. Where it cannot be told for sure
    which these are, because a backtick is no text's end or beginning, all lines stay."""
    kept: list[str] = []
    in_text = False
    for line in text.splitlines(keepends=True):
        if not in_text and line.lstrip().startswith("//"):
            continue
        in_text ^= line.replace("\\`", "").count("`") % 2 == 1
        kept.append(line)
    return text if in_text else "".join(kept)
