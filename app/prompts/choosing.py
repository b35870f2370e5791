"""The chat template an operator names: one of ours, or a file; tried once before it is used.

Knows nothing about settings or tokenizers.
"""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.errors import StartupError
from app.prompts import Turn
from app.prompts.jinja_chat import ChatTemplate, render_with_template

_DIRECTORY = Path(__file__).parent / "templates"
NAMES = tuple(sorted(path.stem for path in _DIRECTORY.glob("*.jinja")))
_MAX_BYTES = 1 << 20
_PROBE = "西湖"


def read_chat_template(name: str) -> str:
    """The Jinja source that `name` stands for: one of NAMES, else a file.

    Raises:
        StartupError: there is no such file, or it is no chat template.
    """
    path = _DIRECTORY / f"{name}.jinja" if name in NAMES else Path(name).expanduser()
    try:
        if path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise StartupError(f"--chat_template {name} is over 1 MiB: that is no template")
        source = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StartupError(
            f"--chat_template {name} cannot be read ({why}): pass a Jinja file, or one of "
            + ", ".join(NAMES)
        ) from error
    _try_out(source, name)
    return source


def _try_out(source: str, name: str) -> None:
    template = ChatTemplate(source, "<s>", "</s>", ("<s>", "</s>"))
    try:
        text = render_with_template([Turn("user", _PROBE)], template).text
    except Exception as error:  # a template can raise whatever Python can
        why = f"{type(error).__name__}: {error}"
        raise StartupError(f"--chat_template {name} does not work: {why}") from error
    if _PROBE not in text:
        raise StartupError(
            f"--chat_template {name} is no chat template: it leaves out what the user says"
        )
