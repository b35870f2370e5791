"""What the routes ask of a TextEngine: text or ids to read, and how to generate."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.types import GenerationRequest
from app.protocol.messages import Conversation
from app.protocol.prompt_fields import TextOrIds


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What the client calls the fields that the engine may refuse."""

    prompt: str  #: "prompt", "messages" or "input"
    is_list: bool = False  #: the prompt is a list: a bad item has its index in its path
    max_tokens: str = "max_tokens"
    json_schema: str = "response_format"


@dataclass(frozen=True, slots=True)
class PromptInput:
    """Prompts of /v1/completions."""

    prompts: tuple[TextOrIds, ...]
    template: str | None = None  #: "alpaca" or "none"; None: the server's choice
    echo: bool = False  #: each choice begins with its prompt


@dataclass(frozen=True, slots=True)
class ChatInput:
    """Messages, up to where the model goes on: with a new turn, or with the last one."""

    conversation: Conversation
    continue_final_message: bool = False

    @property
    def continued_text(self) -> str:
        """The text that the answer continues; "" for a new turn."""
        return self.conversation.messages[-1].text if self.continue_final_message else ""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One generation request, before its prompts are rendered and encoded."""

    input: PromptInput | ChatInput
    generation: GenerationRequest  #: how to generate; its `prompts` are still empty
    fields: FieldNames
    model: str | None = None  #: the name the client gave


@dataclass(frozen=True, slots=True)
class TextEmbeddingRequest:
    """One embedding request, before its inputs are encoded."""

    inputs: tuple[TextOrIds, ...]
    fields: FieldNames
    dimensions: int | None = None  #: numbers of each vector that are wanted; None: all
    model: str | None = None
