"""Writes deploy/env.example: the settings as variables, for systemd's EnvironmentFile."""

from __future__ import annotations

import textwrap

from app.settings.setting import Setting, settings_by_group
from config import PREFIX, Config

#: What docs/deploy.md relies on; everything else is commented out.
ENABLED = {"API_KEYS_FILE": "/etc/westlake/keys", "LOG_FORMAT": "json"}
#: What does not hold for the server alone.
NOTES = {"MAX_BODY_MB": "; nginx's client_max_body_size must be as large"}
#: The service listens on a Unix socket instead.
LEFT_OUT = {"HOST", "PORT"}

_HEAD = """\
# Westlake's settings, written by `make docs` from config.py. Copy to /etc/westlake/env, readable
# by root and the service's group only. A commented line shows the default where that is a value,
# else an example.
"""


def env_example() -> str:
    """The file's text."""
    parts = [_HEAD]
    for title, settings in settings_by_group(Config).items():
        parts.append(f"\n# --- {title} ---\n")
        parts += [_entry(setting) for setting in settings if setting.name not in LEFT_OUT]
    return "".join(parts)


def _entry(setting: Setting) -> str:
    default = f" (default: {setting.default_text})" if setting.default_text else ""
    text = setting.help + NOTES.get(setting.name, "") + default
    lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
    comment = "".join(f"# {line}\n" for line in lines)
    value = ENABLED.get(setting.name)
    assignment = f"{PREFIX}{setting.name}={value or setting.example}"
    return f"\n{comment}{'' if value else '#'}{assignment}\n"
