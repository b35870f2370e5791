"""Which chat template a tokenizer's directory brings, in all the places it may stand.

Knows nothing about templates: whether one works is for `app.prompts` to try.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, is_there, read_text

_MAX_BYTES = MIB
_FOLDER = "additional_chat_templates"


def find_chat_template(
    directory: Path, config: Mapping[str, object], older: Mapping[str, object]
) -> str | None:
    """The Jinja source that transformers would use, None where there is none.

    config: of tokenizer_config.json. older: of chat_template.json, which transformers reads
    for processors only; it counts where there is nothing else. Of several templates the one
    named "default" is used. Where none is, transformers fails at the first conversation: the
    source is then one that says so, so that a template given instead still helps.

    Raises:
        StartupError: a file cannot be read, or is no template by its size.
    """
    found = _from_files(directory) or config.get("chat_template") or older.get("chat_template")
    if isinstance(found, list):
        found = {
            str(item.get("name")): item.get("template") for item in found if isinstance(item, dict)
        }
    if isinstance(found, dict):
        names = ", ".join(sorted(map(str, found))[:10])
        found = found.get("default") or _failing(f"of the templates {names} none is the default")
    if found is None or found == "":
        return None
    if isinstance(found, str) and len(found.encode("utf-8", "replace")) > _MAX_BYTES:
        raise StartupError(f"the chat template in {directory} is over 1 MiB")
    return found if isinstance(found, str) else _failing("chat_template is no text")


def _from_files(directory: Path) -> dict[str, object]:
    """Templates in files of their own, which count before the configuration's."""
    paths = {}
    if is_there(directory / "chat_template.jinja"):
        paths["default"] = directory / "chat_template.jinja"
    if (directory / _FOLDER).is_dir():
        paths |= {path.stem: path for path in sorted((directory / _FOLDER).glob("*.jinja"))}
    return {
        name: read_text(path, _MAX_BYTES) if name == "default" else ""
        for name, path in paths.items()
    }


def _failing(why: str) -> str:
    # Names come from the directory: only what cannot end the string is kept.
    words = "".join(char for char in why if char.isalnum() or char in " ,._-")
    return "{{ raise_exception('" + words + "') }}"
