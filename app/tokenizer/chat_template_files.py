"""Finds a tokenizer directory's chat templates in the files that may contain them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, file_exists, read_text

_MAX_BYTES = MIB
_FOLDER = "additional_chat_templates"
#: Names of the templates that transformers chooses by itself.
_DEFAULT, _TOOL_USE = "default", "tool_use"


class ChatTemplateSources(NamedTuple):
    """Jinja sources; None where there is none."""

    default: str | None
    tool_use: str | None = None  #: instead of the default in a request that offers tools


def find_chat_templates(
    directory: Path, config: Mapping[str, object], legacy: Mapping[str, object]
) -> ChatTemplateSources:
    """The Jinja sources that transformers would use.

    config: the contents of tokenizer_config.json. legacy: those of chat_template.json, which
    transformers reads for processors only; used if no other file has a template. Of several
    templates the one named "default" is used, with tools the one named "tool_use". If there is no
    default, transformers fails at the first conversation. Here the result is then a template that
    raises the reason, so that --chat_template can still replace it.

    Raises:
        StartupError: a file cannot be read or is too large.
    """
    template = _from_files(directory) or config.get("chat_template") or legacy.get("chat_template")
    if isinstance(template, list):
        entries = [entry for entry in template if isinstance(entry, dict)]
        template = {str(entry.get("name")): entry.get("template") for entry in entries}
    tool_use: object = None
    if isinstance(template, dict):
        names = ", ".join(sorted(map(str, template))[:10])
        tool_use = template.get(_TOOL_USE)
        template = template.get(_DEFAULT) or _raising(
            f"of the templates {names} none is the default"
        )
    return ChatTemplateSources(_source(template, directory), _source(tool_use, directory))


def _source(template: object, directory: Path) -> str | None:
    if template is None or template == "":
        return None
    if isinstance(template, str) and len(template.encode("utf-8", "replace")) > _MAX_BYTES:
        raise StartupError(f"the chat template in {directory} is over 1 MiB")
    return template if isinstance(template, str) else _raising("chat_template is not a string")


def _from_files(directory: Path) -> dict[str, object]:
    """Templates in separate files, which win over the configuration's."""
    paths = {}
    if file_exists(directory / "chat_template.jinja"):
        paths[_DEFAULT] = directory / "chat_template.jinja"
    if (directory / _FOLDER).is_dir():
        paths |= {path.stem: path for path in sorted((directory / _FOLDER).glob("*.jinja"))}
    return {
        name: read_text(path, _MAX_BYTES) if name in (_DEFAULT, _TOOL_USE) else ""
        for name, path in paths.items()
    }


def _raising(reason: str) -> str:
    """A template that raises `reason`."""
    # Names come from the directory: keep only characters that cannot end the string literal.
    safe = "".join(char for char in reason if char.isalnum() or char in " ,._-")
    return "{{ raise_exception('" + safe + "') }}"
