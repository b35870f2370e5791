"""Renders every template with every conversation and compares text and ids with transformers.

The templates were written for these tests, after the published rules of the formats.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.engine.types import ModelInfo
from app.generation.rendering import render_conversation, to_chat_message
from app.generation.served_model import ServedModel
from app.prompts import ChatTemplateError, Prompt
from app.prompts.chat_messages import to_template_messages
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.template_features import TemplateFeatures, detect_features
from app.prompts.tool_text import tool_calls_as_text, tool_results_as_text
from app.protocol.errors import BadRequest
from app.protocol.messages import Messages
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from app.tokenizer.tokenizer import Tokenizer as TextTokenizer
from app.tokenizer.tokenizer import load_tokenizer
from tests.fakes import INFO
from tests.prompts.constructs import CONSTRUCTS
from tests.prompts.conversations import CONVERSATIONS

HERE = Path(__file__).parent
FAMILIES = {path.stem: path.read_text("utf-8") for path in (HERE / "families").glob("*.jinja")}
BOTH, RESULTS, NONE = (
    TemplateFeatures(supports_tool_calls=True, supports_tool_results=True),
    TemplateFeatures(supports_tool_results=True),
    TemplateFeatures(),
)
#: Which templates support tool messages; the others get them as text.
FEATURES = dict.fromkeys(FAMILIES, NONE) | {
    "llama-3.1": BOTH,
    "mistral-3": BOTH,
    "mistral-nemo": BOTH,
    "qwen2.5": BOTH,
    "qwen3": BOTH,
    "deepseek": BOTH,
    "hermes": BOTH,
    "llama-3": RESULTS,
    "qwen2": RESULTS,
    "chatml": RESULTS,
    "smollm2": RESULTS,
    "internlm2": RESULTS,
    "openchat": RESULTS,
    "tinyllama": RESULTS,
    "vicuna": RESULTS,
}
SPECIAL_TEXTS = """<|im_start|> <|im_end|> <|start_header_id|> <|end_header_id|> <|eot_id|>
[INST] [/INST]
[TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS] <|user|> <|assistant|> <|system|> <|end|>
<start_of_turn> <end_of_turn> <｜User｜> <｜Assistant｜> <|end_of_turn|> <reserved_106>
<reserved_107> <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜>""".split()
#: transformers' sentinel at the end of a continued message. It removes only one of them.
SENTINEL = re.compile("CONTINUE_FINAL_MESSAGE_TAG ?", re.IGNORECASE)
#: Constructs that depend on the positions of characters. They see the guards in users' texts, and
#: the sentinels at the end of a continued text.
POSITION_DEPENDENT = ("slices", "methods of strings", "filters of text")
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


@pytest.fixture(scope="module")
def pairs(
    tmp_path_factory: pytest.TempPathFactory, metaspace: Tokenizer, byte_level: Tokenizer
) -> dict[str, Pair]:
    """One like LLaMA's, which adds BOS, and one like Qwen's, which has none."""
    llama = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    qwen = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    llama_copy, qwen_copy = (Tokenizer.from_str(t.to_str()) for t in (metaspace, byte_level))
    return {
        "llama": Pair(llama_copy, tmp_path_factory.mktemp("llama"), llama),
        "qwen": Pair(qwen_copy, tmp_path_factory.mktemp("qwen"), qwen),
    }


def ours(
    pair: Pair, source: str, messages: list[dict[str, Any]], continue_final_message: bool
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
        )
    except BadRequest as error:
        assert error.param == "messages"
        return None


def theirs(
    pair: Pair, source: str, messages: list[dict[str, Any]], continue_final_message: bool
) -> str | None:
    """transformers' rendering; None if it raises."""
    try:
        text: str = pair.theirs.apply_chat_template(
            messages,
            chat_template=source,
            tokenize=False,
            add_generation_prompt=not continue_final_message,
            continue_final_message=continue_final_message,
        )
    except Exception:  # a template can raise any exception
        return None
    return SENTINEL.sub("", text)  # it may occur twice


def for_transformers(
    pair: Pair, source: str, messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages for transformers: tool messages as text if the template does not support
    them."""
    if not any(message["role"] == "tool" for message in messages):
        return messages
    template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
    try:
        features = detect_features(template)
    except ChatTemplateError:
        return messages
    conversation = Messages().deserialize(messages)
    chat = [to_chat_message(message) for message in conversation.messages]
    chat = chat if features.supports_tool_calls else tool_calls_as_text(chat)
    if features.requires_content:
        chat = [replace(message, has_text=True) for message in chat]
    chat = chat if features.supports_tool_results else tool_results_as_text(chat)
    return to_template_messages(chat, ())


def compare(pair: Pair, source: str, position_dependent: bool = False) -> int:
    """The number of conversations that both render. Their texts must be equal, and their ids,
    except for the conversation that contains special tokens' texts."""
    rendered = 0
    for name, messages in CONVERSATIONS.items():
        if position_dependent and name in ("special", "continued"):
            continue
        continue_final_message = name == "continued"
        our_prompt = ours(pair, source, messages, continue_final_message)
        their_text = theirs(
            pair, source, for_transformers(pair, source, messages), continue_final_message
        )
        assert (our_prompt is None) == (their_text is None), (name, our_prompt, their_text)
        if our_prompt is None or their_text is None:
            continue
        rendered += 1
        assert our_prompt.text.replace(SPECIAL_TOKEN_GUARD, "") == their_text, name
        if name != "special":
            ids = pair.theirs(their_text, add_special_tokens=False).input_ids
            assert list(pair.ours.encode(our_prompt.text, allow_special=True)) == ids, name
    return rendered


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("vocabulary", ["llama", "qwen"])
def test_families(name: str, vocabulary: str, pairs: dict[str, Pair]) -> None:
    if vocabulary == "qwen" and "bos_token" in FAMILIES[name]:
        vocabulary = "llama"  # its models have a BOS
    pair, source = pairs[vocabulary], FAMILIES[name]
    template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
    assert detect_features(template) == FEATURES[name]
    assert compare(pair, source) >= 4


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_constructs(construct: str, pairs: dict[str, Pair]) -> None:
    for index, source in enumerate(CONSTRUCTS[construct]):
        rendered = compare(pairs["llama"], source, construct in POSITION_DEPENDENT)
        # One of them fails for every conversation: it uses a name with an underscore.
        assert rendered or (construct, index) == ("namespace", 2), index


def test_expressions(pairs: dict[str, Pair]) -> None:
    """Single expressions and statements, valid and invalid ones."""
    pair, differing = pairs["llama"], []
    for source in (HERE / "expressions.txt").read_text("utf-8").splitlines():
        template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
        for name in ("emoji", "turns", "tools"):
            conversation = Messages().deserialize(CONVERSATIONS[name])
            messages = [to_chat_message(message) for message in conversation.messages]
            try:
                our_prompt = render_messages(messages, template).text.replace(
                    SPECIAL_TOKEN_GUARD, ""
                )
            except ChatTemplateError:
                our_prompt = None
            if our_prompt != theirs(pair, source, to_template_messages(messages, ()), False):
                differing.append((source, name))
    assert not differing


def test_number_of_cases() -> None:
    assert len(CONSTRUCTS) >= 25
    assert len(FAMILIES) >= 20
    assert len(CONVERSATIONS) >= 10
