"""The names a model is served under, and the templates its prompts go through."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.prompts.chat_template_kwargs import ChatTemplateKwargs
from app.prompts.template_selection import check_kwargs_setting, read_chat_template
from app.protocol.errors import ModelNotFound
from app.tool_calls.formats import ToolFormat
from config import CLASSIC_NAME, Config, served_name


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the server's settings say about the model."""

    model_name: str
    prompt_template: str  #: "alpaca" or "none": what wraps a completion's text prompt
    aliases: tuple[str, ...] = ()  #: further names that requests may use
    chat_template: str | None = None  #: Jinja source; None: the tokenizer's, or Alpaca
    #: Variables for the chat template; a request's own win.
    chat_template_kwargs: ChatTemplateKwargs = field(default_factory=dict)
    tool_format: ToolFormat | None = None  #: of --tool_parser; None: the chat template's
    parent: str | None = None  #: the base model's name where a LoRA changes it
    #: Further models, each served under its own name: an upstream may have several.
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is listed, each once, the model's main name first."""
        return tuple(dict.fromkeys((self.model_name, *self.aliases, *self.others)))

    def name_of(self, requested: str | None) -> str:
        """What responses call the model that a request names, by an alias or not at all."""
        return requested if requested in self.others else self.model_name

    def check_model(self, name: str | None) -> None:
        """Raises ModelNotFound unless `name` is served, or the classic one, or not given."""
        if name is not None and name not in (*self.names, CLASSIC_NAME):
            shown = name if len(name) <= 100 else name[:99] + "…"
            raise ModelNotFound(
                f'There is no model "{shown}" here; served: {", ".join(self.names)}', "model"
            )


def served_model(config: Config) -> ServedModel:
    """What the settings say.

    Raises:
        StartupError: the chat template cannot be read, or one of its variables cannot be set.
    """
    template, parser = config.CHAT_TEMPLATE, config.TOOL_PARSER
    return ServedModel(
        model_name=config.MODEL_NAME,
        prompt_template=config.PROMPT_TEMPLATE,
        aliases=config.MODEL_ALIAS,
        chat_template=None if template is None else read_chat_template(template),
        chat_template_kwargs=check_kwargs_setting(config.CHAT_TEMPLATE_KWARGS),
        tool_format=ToolFormat(parser) if parser else None,
        parent=served_name(config.BASE_MODEL) if config.LORA_MODEL else None,
    )
