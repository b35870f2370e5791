"""Renders a conversation with our code and with transformers', on one vocabulary."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.engine.model_info import ModelInfo
from app.generation.rendering import render_conversation, to_chat_message
from app.generation.served_model import ServedModel
from app.prompts import ChatTemplateError, Prompt
from app.prompts.chat_messages import to_template_messages
from app.prompts.chat_template import ChatTemplate
from app.prompts.template_features import detect_features
from app.prompts.tool_definitions import ToolDefinition
from app.prompts.tool_text import tool_calls_as_text, tool_results_as_text
from app.protocol.errors import BadRequest
from app.protocol.messages import Messages
from app.tokenizer.tokenizer import Tokenizer as TextTokenizer
from app.tokenizer.tokenizer import load_tokenizer
from tests.fakes import INFO

SPECIAL_TEXTS = """<|im_start|> <|im_end|> <|start_header_id|> <|end_header_id|> <|eot_id|>
[INST] [/INST]
[TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS] <|user|> <|assistant|> <|system|> <|end|>
<start_of_turn> <end_of_turn> <｜User｜> <｜Assistant｜> <|end_of_turn|> <reserved_106>
<reserved_107> <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜>""".split()
#: transformers' sentinel at the end of a continued message. It removes only one of them.
SENTINEL = re.compile("CONTINUE_FINAL_MESSAGE_TAG ?", re.IGNORECASE)
CONTEXT = RequestContext("a test", ClientConnection({}, DisconnectWatcher()), float("inf"))


class Pair:
    """One vocabulary, read by transformers and by our tokenizer."""

    def __init__(self, library: Tokenizer, directory: Path, config: dict[str, Any]) -> None:
        from transformers import AutoTokenizer

        library.add_special_tokens(SPECIAL_TEXTS)
        library.add_tokens(["<think>", "</think>"])  # as in Qwen3: matched, but not special
        (directory / "tokenizer.json").write_text(library.to_str(), "utf-8")
        (directory / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        self.theirs: Any = AutoTokenizer.from_pretrained(directory)
        self.ours: TextTokenizer = load_tokenizer(directory)

    def info(self, source: str) -> ModelInfo:
        return replace(
            INFO,
            chat_template=source,
            named_tokens=self.ours.named_tokens,
            special_texts=self.ours.special_texts,
        )


def ours(
    pair: Pair,
    source: str,
    messages: list[dict[str, Any]],
    continue_final_message: bool,
    tools: Sequence[ToolDefinition] = (),
) -> Prompt | None:
    """Our rendering; None if it is refused."""
    conversation = Messages().deserialize(messages)
    served = ServedModel("m", "alpaca")
    try:
        return render_conversation(
            conversation,
            served,
            pair.info(source),
            CONTEXT,
            continue_final_message=continue_final_message,
            tools=tools,
        )
    except BadRequest as error:
        assert error.param == "messages"
        return None


def theirs(
    pair: Pair,
    source: str,
    messages: list[dict[str, Any]],
    continue_final_message: bool,
    tools: Sequence[ToolDefinition] = (),
) -> str | None:
    """transformers' rendering; None if it raises."""
    try:
        text: str = pair.theirs.apply_chat_template(
            messages,
            tools=list(tools) or None,
            chat_template=source,
            tokenize=False,
            add_generation_prompt=not continue_final_message,
            continue_final_message=continue_final_message,
        )
    except Exception:  # a template can raise any exception
        return None
    return SENTINEL.sub("", text)  # it may occur twice


def for_transformers(
    pair: Pair, source: str, messages: list[dict[str, Any]], *, with_tools: bool = False
) -> list[dict[str, Any]]:
    """The messages for transformers: tool messages as text if the template does not support
    them. with_tools: the template gets tools too."""
    if not any(message["role"] == "tool" for message in messages):
        return messages
    template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
    try:
        features = detect_features(template, with_tools=with_tools)
    except ChatTemplateError:
        return messages
    conversation = Messages().deserialize(messages)
    chat = [to_chat_message(message) for message in conversation.messages]
    chat = chat if features.supports_tool_calls else tool_calls_as_text(chat)
    if features.requires_content:
        chat = [replace(message, has_text=True) for message in chat]
    chat = chat if features.supports_tool_results else tool_results_as_text(chat)
    return to_template_messages(chat, ())
