"""Writes the documents, and parts of documents, that are made from the code.

python -m tools.docs
"""

from __future__ import annotations

from pathlib import Path

from tools.env_example import env_example
from tools.folders import table, tree
from tools.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "<!-- folders: written by make docs -->\n"
END = "<!-- end of folders -->\n"


def documents() -> dict[str, str]:
    """The whole text of each document, by its path."""
    return {
        "docs/settings.md": settings_page(),
        "deploy/env.example": env_example(),
        "ARCHITECTURE.md": _filled("ARCHITECTURE.md", table()),
        "README.md": _filled("README.md", tree()),
        "README.zh-CN.md": _filled("README.zh-CN.md", tree()),
    }


def _filled(name: str, text: str) -> str:
    """The document with `text` between its two marks."""
    before, rest = (ROOT / name).read_text(encoding="utf-8").split(BEGIN)
    return before + BEGIN + text + END + rest.split(END)[1]


def main() -> None:
    """Write them all."""
    for name, text in documents().items():
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
