"""Messages and instructions through the prompt template in use, and the template's refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.connection.request_context import RequestContext
from app.engine.model_info import ModelInfo
from app.generation.served_model import ServedModel
from app.prompts import ChatMessage, ChatTemplateError, FunctionCall, Prompt, ReservedCharacterError
from app.prompts.alpaca import render_alpaca_chat, render_instruction
from app.prompts.chat_template import NO_KWARGS, ChatTemplate
from app.prompts.chat_template_kwargs import ChatTemplateKwargs
from app.prompts.render_chat import render_with_template
from app.prompts.tool_definitions import ToolDefinition
from app.protocol.loading import field_error
from app.protocol.messages import Conversation, Message
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD


def instruction_renderer(template: str) -> Callable[[str], Prompt]:
    """What makes a prompt of an instruction; `template` is "alpaca" or "none"."""
    return render_instruction if template == "alpaca" else plain_prompt


def render_conversation(
    conversation: Conversation,
    served: ServedModel,
    info: ModelInfo,
    context: RequestContext,
    *,
    continue_final_message: bool,
    tools: Sequence[ToolDefinition] = (),
    kwargs: ChatTemplateKwargs = NO_KWARGS,
) -> Prompt:
    """The conversation up to where the model goes on: with a new turn, or with the last one
    if `continue_final_message`: by the template of --chat_template, the tokenizer's, or Alpaca.
    tools: offered to the model. kwargs: variables for the template.

    Raises:
        BadRequest: the template does not take this conversation.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    turns = [to_chat_message(message) for message in conversation.messages]
    template, name = template_in_use(served.chat_template, info, with_tools=bool(tools))
    if template is None:
        return render_alpaca_chat(turns, tools=tools, continue_final_message=continue_final_message)

    def check() -> None:
        context.raise_if_disconnected()
        context.wait_timeout_s()

    try:
        with context.connection.watch_disconnect(lambda: None):
            return render_with_template(
                turns,
                template,
                tools=tools,
                continue_final_message=continue_final_message,
                kwargs=kwargs,
                check_cancelled=check,
            )
    except ChatTemplateError as error:
        field = conversation.field
        raise field_error(field, f"{name} refuses this conversation: {error}") from error
    except ReservedCharacterError as error:
        code = f"U+{ord(SPECIAL_TOKEN_GUARD):04X}"
        path = _path_of(error, conversation)
        raise field_error(path, f"{code} is a private character this server reserves") from error


def _path_of(error: ReservedCharacterError, conversation: Conversation) -> str:
    """Dotted path of the field with the reserved character."""
    if error.tool_index is not None:
        return f"tools.{error.tool_index}"
    path: str = getattr(conversation.paths[error.message_index], error.key or "text")
    return path


def source_in_use(source: str | None, info: ModelInfo, *, with_tools: bool) -> str | None:
    """Jinja source of the template to use; None: Alpaca. source: an operator's."""
    if source is not None or info.chat_template is None:
        return source
    return (with_tools and info.tool_chat_template) or info.chat_template


def template_in_use(
    source: str | None, info: ModelInfo, *, with_tools: bool
) -> tuple[ChatTemplate | None, str]:
    """The template to use and what to call it. One that an operator names gets the vocabulary's
    BOS and EOS also where the tokenizer's files do not name them."""
    used = source_in_use(source, info, with_tools=with_tools)
    if used is None:
        return None, ""
    if source is None:
        template = ChatTemplate(used, info.named_tokens, info.special_texts)
        return template, "the model's own chat template"
    defaults = {"bos_token": info.bos_text, "eos_token": info.eos_text}
    named = {name: text for name, text in defaults.items() if text} | dict(info.named_tokens)
    template = ChatTemplate(used, tuple(named.items()), info.special_texts)
    return template, "the template of --chat_template"


def to_chat_message(message: Message) -> ChatMessage:
    calls = (
        FunctionCall(call.name, call.arguments, call.id, call.arguments_text)
        for call in message.tool_calls
    )
    return ChatMessage(
        role="system" if message.role == "developer" else message.role,
        text=message.text,
        has_text=message.has_text,
        tool_calls=tuple(calls),
        tool_call_id=message.tool_call_id,
        name=message.name,
        reasoning_content=message.reasoning_content,
    )


def plain_prompt(text: str) -> Prompt:
    """The text without a template; texts of special tokens in it are plain text."""
    return Prompt(text, allow_special=False)
