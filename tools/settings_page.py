"""Writes docs/settings.md: every flag, its variable, what it does and its default."""

from __future__ import annotations

from app.server.arguments import CHECK
from app.settings.setting import Setting, settings_by_group
from config import PREFIX, Config

_HEAD = f"""# Settings

Written by `make docs` from config.py; a test compares the two.

Each setting is a flag, `python wsgi.py --port 8000`, and an environment variable,
`{PREFIX}PORT=8000`; a flag overrides its variable. `gunicorn wsgi:app` starts the same server from
the variables alone. A switch takes no value as a flag and `1` as a variable. Dashes work for
underscores. An unknown flag or `{PREFIX}` name ends the start with one line.

There are also `--{CHECK.lower()}` (do not serve: check whether model, LoRA, vocabulary and memory
fit, and exit) and `python wsgi.py convert IN OUT` (rewrite a pickled model or LoRA, or a GGUF file,
as safetensors).
"""
_TABLE = "| flag | meaning | default | variable |\n|---|---|---|---|\n"


def settings_page() -> str:
    """The page as markdown."""
    parts = [_HEAD]
    for title, settings in settings_by_group(Config).items():
        parts.append(f"\n## {title.capitalize()}\n\n{_TABLE}" + "".join(map(_row, settings)))
    return "".join(parts)


def _row(setting: Setting) -> str:
    flag = f"{setting.flag} {setting.metavar}".strip()
    default = setting.default_text or ("none" if setting.metavar else "off")
    cells = (f"`{flag}`", setting.help, default, f"`{PREFIX}{setting.name}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
