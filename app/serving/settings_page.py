"""Writes docs/settings.md: every flag, its variable, what it does and its default.

Knows nothing about what the settings do beyond the command line's own help.

    python -m app.serving.settings_page
"""

from __future__ import annotations

import re
from pathlib import Path

from app.serving.arguments import CHECK, GROUPS
from config import PREFIX

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"

_HEAD = f"""# Settings

Written by `make docs` from the command line's help; a test holds the two together.

Each setting is a flag, `python wsgi.py --port 8000`, and an environment variable,
`{PREFIX}PORT=8000`; a flag wins over its variable. `gunicorn wsgi:app` starts the same server from
the variables alone. Switches are on where they are given, as a variable with `1`. Dashes work for
underscores. Unknown flags and unknown `{PREFIX}` names stop the start with one line.

Besides them there is `--{CHECK.lower()}` (do not serve: tell whether model, LoRA, vocabulary and
memory fit, and end) and `python wsgi.py convert IN OUT` (write a model or LoRA of pickles again as
safetensors).
"""
_DEFAULT = re.compile(r" \(default: (.+)\)$")


def settings_page() -> str:
    """The page as markdown."""
    parts = [_HEAD]
    for title, settings in GROUPS:
        rows = [_row(*setting) for setting in settings]
        table = "| flag | meaning | default | variable |\n|---|---|---|---|\n" + "\n".join(rows)
        parts.append(f"\n## {title.capitalize()}\n\n{table}\n")
    return "".join(parts)


def _row(name: str, value: str, text: str) -> str:
    flag = f"--{name.lower()} {value}".strip()
    found = _DEFAULT.search(text)
    default = found[1] if found else "none" if value else "off"
    meaning = _DEFAULT.sub("", text)
    cells = (f"`{flag}`", meaning, default, f"`{PREFIX}{name}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(settings_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
