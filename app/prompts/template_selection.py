"""Reads the template of --chat_template, and checks templates before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import read_text
from app.prompts import ChatTemplateError
from app.prompts.chat_template import ChatTemplate
from app.prompts.template_features import TemplateFeatures, detect_features

_DIRECTORY = Path(__file__).parent / "templates"
TEMPLATE_NAMES = tuple(sorted(path.stem for path in _DIRECTORY.glob("*.jinja")))
_MAX_BYTES = 1 << 20


def read_chat_template(name: str) -> str:
    """The Jinja source of a built-in template (one of TEMPLATE_NAMES) or of a file.

    Raises:
        StartupError: there is no such file, or it is not a chat template.
    """
    path = _DIRECTORY / f"{name}.jinja" if name in TEMPLATE_NAMES else Path(name).expanduser()
    try:
        source = read_text(path, _MAX_BYTES)
    except StartupError as error:
        raise StartupError(
            f"--chat_template {name} cannot be read ({error}): pass a Jinja file, or one of "
            + ", ".join(TEMPLATE_NAMES)
        ) from error
    sample_tokens = (("bos_token", "<s>"), ("eos_token", "</s>"))
    template = ChatTemplate(source, sample_tokens, ("<s>", "</s>"))
    check_template(template, f"--chat_template {name}")
    return source


class TemplateTokens(Protocol):
    """The part of `app.tokenizer.tokenizer.Tokenizer` that chat templates use."""

    @property
    def chat_template(self) -> str | None: ...
    @property
    def named_tokens(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def special_texts(self) -> tuple[str, ...]: ...


def check_tokenizer_template(tokenizer: TemplateTokens, directory: Path) -> TemplateFeatures | None:
    """Check the chat template of the tokenizer in `directory`; None if it has none.

    Raises:
        StartupError: it fails for every conversation.
    """
    if tokenizer.chat_template is None:
        return None
    template = ChatTemplate(
        tokenizer.chat_template, tokenizer.named_tokens, tokenizer.special_texts
    )
    return check_template(template, f"the chat template in {directory}")


def check_template(template: ChatTemplate, name: str) -> TemplateFeatures:
    """Render sample conversations with `template`; `name` stands for it in error messages.

    Raises:
        StartupError: it fails for every conversation.
    """
    try:
        return detect_features(template)
    except ChatTemplateError as error:
        raise StartupError(
            f"{name} does not work: {error}; pass --chat_template with a Jinja file, or one of "
            + ", ".join(TEMPLATE_NAMES)
        ) from error
