"""Reads the template of --chat_template, and checks templates before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import read_text
from app.prompts import ChatTemplateError
from app.prompts.chat_template import ChatTemplate
from app.prompts.chat_template_kwargs import (
    ChatTemplateKwargs,
    KwargsRefused,
    check_chat_template_kwargs,
)
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


def check_kwargs_setting(kwargs: ChatTemplateKwargs | None) -> ChatTemplateKwargs:
    """The variables of --chat_template_kwargs; None: there are none.

    Raises:
        StartupError: one cannot be set.
    """
    try:
        check_chat_template_kwargs(kwargs or {})
    except KwargsRefused as error:
        where = f"{error.path} " if error.path else ""
        raise StartupError(f"--chat_template_kwargs: {where}{error}") from None
    return kwargs or {}


class TemplateTokens(Protocol):
    """The part of `app.tokenizer.tokenizer.Tokenizer` that chat templates use."""

    @property
    def chat_template(self) -> str | None: ...
    @property
    def tool_chat_template(self) -> str | None: ...
    @property
    def named_tokens(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def special_texts(self) -> tuple[str, ...]: ...


def check_tokenizer_template(tokenizer: TemplateTokens, directory: Path) -> TemplateFeatures | None:
    """Check the chat templates of the tokenizer in `directory`; None if it has none.

    Raises:
        StartupError: one fails for every conversation.
    """
    if tokenizer.chat_template is None:
        return None
    tokens = tokenizer.named_tokens, tokenizer.special_texts
    template = ChatTemplate(tokenizer.chat_template, *tokens)
    features = check_template(template, f"the chat template in {directory}")
    if tokenizer.tool_chat_template is not None:
        template = ChatTemplate(tokenizer.tool_chat_template, *tokens)
        check_template(template, f"the chat template tool_use in {directory}", with_tools=True)
    return features


def check_template(
    template: ChatTemplate, name: str, *, with_tools: bool = False
) -> TemplateFeatures:
    """Render sample conversations with `template`; `name` stands for it in error messages.

    Raises:
        StartupError: it fails for every conversation.
    """
    try:
        return detect_features(template, with_tools=with_tools)
    except ChatTemplateError as error:
        raise StartupError(
            f"{name} does not work: {error}; pass --chat_template with a Jinja file, or one of "
            + ", ".join(TEMPLATE_NAMES)
        ) from error
