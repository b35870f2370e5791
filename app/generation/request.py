"""What the routes ask of a TextEngine: text or ids to read, and how to generate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine.request import GenerationRequest
from app.prompts.tool_definitions import ToolDefinition
from app.protocol.aliases import given_name
from app.protocol.answer_format import read_answer_format
from app.protocol.messages import Conversation
from app.protocol.prompt_fields import TextOrIds
from app.protocol.template_fields import TemplateFields
from app.protocol.tool_choice import ToolChoice, choose_tools
from app.protocol.tools import Tool


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What the client calls the fields that the engine may refuse."""

    prompt: str  #: "prompt", "messages" or "input"
    is_list: bool = False  #: the prompt is a list: a bad item has its index in its path
    max_tokens: str = "max_tokens"
    thinking_budget: str = "thinking_budget"
    structured_output: str = "response_format"


def field_names(values: Mapping[str, Any], prompt: str, *, is_list: bool = False) -> FieldNames:
    """The names in a valid request, from what GenerationSchema has read."""
    answer_format = read_answer_format(values)
    return FieldNames(
        prompt,
        is_list,
        max_tokens=given_name(values, "max_tokens"),
        thinking_budget=given_name(values, "thinking_budget"),
        structured_output=answer_format.path if answer_format else "response_format",
    )


@dataclass(frozen=True, slots=True)
class PromptInput:
    """Prompts of /v1/completions."""

    prompts: tuple[TextOrIds, ...]
    template: str | None = None  #: "alpaca" or "none"; None: the server's choice
    echo: bool = False  #: each choice begins with its prompt


@dataclass(frozen=True, slots=True)
class ToolUse:
    """How an answer may call tools."""

    tools: tuple[Tool, ...]  #: those that it may call
    required: bool = False  #: the answer must be a call
    parallel: bool = True  #: several calls in one answer

    @classmethod
    def of(cls, tools: tuple[Tool, ...], choice: ToolChoice, *, parallel: bool) -> ToolUse | None:
        """What a request says of its tools; None without any. parallel: as it asks for.

        Raises:
            BadRequest: the choice names a tool that is not offered, or there is none to call.
        """
        chosen = choose_tools(tools, choice)
        if not tools:
            return None
        return cls(chosen, required=choice.required, parallel=parallel and not choice.one)


@dataclass(frozen=True, slots=True)
class ChatInput:
    """Messages, up to where the model goes on: with a new turn, or with the last one."""

    conversation: Conversation
    continue_final_message: bool = False
    template: TemplateFields = field(default_factory=TemplateFields)
    tools: tuple[ToolDefinition, ...] = ()  #: offered to the model
    thinking_budget: int | None = None  #: tokens after which the thinking is ended
    tool_use: ToolUse | None = None  #: None: calls are not looked for in the answer

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
    prompt_cache_key: str | None = None  #: groups requests with a common prefix, for an upstream


@dataclass(frozen=True, slots=True)
class TextEmbeddingRequest:
    """One embedding request, before its inputs are encoded."""

    inputs: tuple[TextOrIds, ...]
    fields: FieldNames
    dimensions: int | None = None  #: numbers of each vector that are wanted; None: all
    model: str | None = None
