"""The names a model is served under, and the templates its prompts go through."""

from __future__ import annotations

from dataclasses import dataclass

from app.protocol.errors import ModelNotFound
from config import CLASSIC_NAME


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the server's settings say about the model."""

    model_name: str
    prompt_template: str  #: "alpaca" or "none": what wraps a completion's text prompt
    aliases: tuple[str, ...] = ()  #: further names that requests may use
    chat_template: str | None = None  #: Jinja source; None: the tokenizer's, or Alpaca
    parent: str | None = None  #: the base model's name where a LoRA changes it

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is listed, each once, the model's main name first."""
        return tuple(dict.fromkeys((self.model_name, *self.aliases)))

    def check_model(self, name: str | None) -> None:
        """Raises ModelNotFound unless `name` is served, or the classic one, or not given."""
        if name is not None and name not in (*self.names, CLASSIC_NAME):
            shown = name if len(name) <= 100 else name[:99] + "…"
            raise ModelNotFound(
                f'There is no model "{shown}" here; served: {", ".join(self.names)}', "model"
            )
