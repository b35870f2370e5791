"""The chat template an operator names: one of ours, or a file; tried once before it is used.

Knows nothing about settings or tokenizers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import read_text
from app.prompts import TemplateRefused
from app.prompts.chat_template import ChatTemplate
from app.prompts.template_features import Forms, forms_of

_DIRECTORY = Path(__file__).parent / "templates"
NAMES = tuple(sorted(path.stem for path in _DIRECTORY.glob("*.jinja")))
_MAX_BYTES = 1 << 20


def read_chat_template(name: str) -> str:
    """The Jinja source that `name` stands for: one of NAMES, else a file.

    Raises:
        StartupError: there is no such file, or it is no chat template.
    """
    path = _DIRECTORY / f"{name}.jinja" if name in NAMES else Path(name).expanduser()
    try:
        source = read_text(path, _MAX_BYTES)
    except StartupError as error:
        raise StartupError(
            f"--chat_template {name} cannot be read ({error}): pass a Jinja file, or one of "
            + ", ".join(NAMES)
        ) from error
    probe = (("bos_token", "<s>"), ("eos_token", "</s>"))
    try_template(ChatTemplate(source, probe, ("<s>", "</s>")), f"--chat_template {name}")
    return source


class Tokens(Protocol):
    """What a template needs of a tokenizer; see `app.tokenizer.tokenizer.Tokenizer`."""

    @property
    def chat_template(self) -> str | None: ...
    @property
    def named_tokens(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def special_texts(self) -> tuple[str, ...]: ...


def try_own(tokenizer: Tokens, directory: Path) -> Forms | None:
    """Try the template that a tokenizer's `directory` brings; None where it brings none.

    Raises:
        StartupError: it fails for every conversation.
    """
    if tokenizer.chat_template is None:
        return None
    template = ChatTemplate(
        tokenizer.chat_template, tokenizer.named_tokens, tokenizer.special_texts
    )
    return try_template(template, f"the chat template in {directory}")


def try_template(template: ChatTemplate, name: str) -> Forms:
    """Try a template on conversations of ours, before anybody else's.

    Raises:
        StartupError: it fails for all of them; `name` says which template it is.
    """
    try:
        return forms_of(template)
    except TemplateRefused as error:
        raise StartupError(
            f"{name} does not work: {error}; pass --chat_template with a Jinja file, or one of "
            + ", ".join(NAMES)
        ) from error
