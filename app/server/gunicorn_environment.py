"""The environment in which `python wsgi.py` runs gunicorn.

gunicorn runs in the repository's folder, so relative paths are made absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.prompts.template_selection import TEMPLATE_NAMES
from config import PREFIX, Config


def gunicorn_environment(environ: Mapping[str, str], config: Config) -> dict[str, str]:
    """`environ` with absolute paths. config: the settings of `environ`."""
    absolute = {"MODEL_NAME": config.MODEL_NAME}  # its default is the base model's path as given
    for name in ("BASE_MODEL", "TOKENIZER_PATH") if config.UPSTREAM is None else ():
        if path := getattr(config, name):
            absolute[name] = _absolute_path(path)
    if config.LORA_MODEL:
        absolute["LORA_MODEL"] = ",".join(map(_absolute_path, config.LORA_MODEL))
    if config.CHAT_TEMPLATE and config.CHAT_TEMPLATE not in TEMPLATE_NAMES:
        absolute["CHAT_TEMPLATE"] = _resolved_file(config.CHAT_TEMPLATE)
    for name in ("API_KEYS_FILE", "UPSTREAM_KEY_FILE", "UPSTREAM_CA_FILE"):
        if path := getattr(config, name):
            absolute[name] = _resolved_file(path)
    return {**environ, **{PREFIX + name: value for name, value in absolute.items()}}


def _absolute_path(name: str) -> str:
    """A local path as an absolute one, without resolving links; a Hub name unchanged."""
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name


def _resolved_file(name: str) -> str:
    return str(Path(name).expanduser().resolve())
