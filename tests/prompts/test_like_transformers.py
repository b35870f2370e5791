"""Every template × conversation: transformers' own text and ids, or both refuse.

The templates are ours, written after the formats' published rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from app.connection.client_connection import Connection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.engine.types import ModelInfo
from app.generation.rendering import _turn, render_conversation
from app.generation.served_model import ServedModel
from app.prompts import Prompt, TemplateRefused
from app.prompts.chat_messages import to_messages
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.template_features import Forms, forms_of
from app.prompts.tool_text import calls_as_text, results_as_text
from app.protocol.errors import BadRequest
from app.protocol.messages import Messages
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from app.tokenizer.tokenizer import Tokenizer as Face
from app.tokenizer.tokenizer import load_tokenizer
from tests.fakes import INFO
from tests.prompts.constructs import CONSTRUCTS
from tests.prompts.conversations import CONVERSATIONS

HERE = Path(__file__).parent
FAMILIES = {path.stem: path.read_text("utf-8") for path in (HERE / "families").glob("*.jinja")}
BOTH, RESULTS, NEITHER = Forms(calls=True, results=True), Forms(results=True), Forms()
#: Which have forms of their own for tool turns; in the others these are text.
FORMS = dict.fromkeys(FAMILIES, NEITHER) | {
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
CONTROL = """<|im_start|> <|im_end|> <|start_header_id|> <|end_header_id|> <|eot_id|> [INST] [/INST]
[TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS] <|user|> <|assistant|> <|system|> <|end|>
<start_of_turn> <end_of_turn> <｜User｜> <｜Assistant｜> <|end_of_turn|> <reserved_106>
<reserved_107> <｜tool▁calls▁begin｜> <｜tool▁calls▁end｜>""".split()
#: What transformers puts at the end of a message that is continued, and forgets one of.
MARK = re.compile("CONTINUE_FINAL_MESSAGE_TAG ?", re.IGNORECASE)
#: Constructs that count characters or look at their neighbours. They meet what breaks up a
#: user's own spelling of a control token, and both sides' mark of where a text is continued.
COUNTING = ("slices", "methods of strings", "filters of text")
CALLER = RequestContext("a test", Connection({}, DisconnectWatcher()), float("inf"))


class Pair:
    """One vocabulary, read by transformers and by us."""

    def __init__(self, library: Tokenizer, directory: Path, config: dict[str, Any]) -> None:
        from transformers import AutoTokenizer

        library.add_special_tokens(CONTROL)
        library.add_tokens(["<think>", "</think>"])  # as Qwen3's: matched, but not special
        (directory / "tokenizer.json").write_text(library.to_str(), "utf-8")
        (directory / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        self.theirs: Any = AutoTokenizer.from_pretrained(directory)
        self.ours: Face = load_tokenizer(directory)

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
    """As LLaMA's, with a BOS of its own accord, and as Qwen's, with none."""
    llama = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    qwen = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    copies = (Tokenizer.from_str(one.to_str()) for one in (metaspace, byte_level))
    first, second = copies
    return {
        "llama": Pair(first, tmp_path_factory.mktemp("llama"), llama),
        "qwen": Pair(second, tmp_path_factory.mktemp("qwen"), qwen),
    }


def ours(pair: Pair, source: str, messages: list[dict[str, Any]], continued: bool) -> Prompt | None:
    """What we render; None where that is a 400."""
    conversation = Messages().deserialize(messages)
    served = ServedModel("m", "alpaca")
    try:
        return render_conversation(
            conversation, served, pair.info(source), CALLER, continued=continued
        )
    except BadRequest as error:
        assert error.param == "messages"
        return None


def theirs(pair: Pair, source: str, messages: list[dict[str, Any]], continued: bool) -> str | None:
    """What transformers renders of the messages as they are; None where it raises."""
    try:
        text: str = pair.theirs.apply_chat_template(
            messages,
            chat_template=source,
            tokenize=False,
            add_generation_prompt=not continued,
            continue_final_message=continued,
        )
    except Exception:  # whatever the template raises
        return None
    return MARK.sub("", text)  # where it stands twice


def as_given(pair: Pair, source: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages for transformers: tool turns as text where the template has no form."""
    if not any(message["role"] == "tool" for message in messages):
        return messages
    template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
    try:
        forms = forms_of(template)
    except TemplateRefused:
        return messages
    turns = [_turn(message) for message in Messages().deserialize(messages).messages]
    turns = turns if forms.calls else calls_as_text(turns)
    if forms.empty_text:
        turns = [replace(turn, has_text=True) for turn in turns]
    turns = turns if forms.results else results_as_text(turns)
    return to_messages(turns, ())


def compare(pair: Pair, source: str, counts: bool = False) -> int:
    """How many conversations both render; equal in text and, but for spelled tokens, in ids."""
    rendered = 0
    for name, messages in CONVERSATIONS.items():
        if counts and name in ("spelled", "continued"):
            continue
        continued = name == "continued"
        mine = ours(pair, source, messages, continued)
        other = theirs(pair, source, as_given(pair, source, messages), continued)
        assert (mine is None) == (other is None), (name, mine, other)
        if mine is None or other is None:
            continue
        rendered += 1
        assert mine.text.replace(SPECIAL_TOKEN_GUARD, "") == other, name
        if name != "spelled":
            ids = pair.theirs(other, add_special_tokens=False).input_ids
            assert list(pair.ours.encode(mine.text, allow_special=True)) == ids, name
    return rendered


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("vocabulary", ["llama", "qwen"])
def test_families(name: str, vocabulary: str, pairs: dict[str, Pair]) -> None:
    if vocabulary == "qwen" and "bos_token" in FAMILIES[name]:
        vocabulary = "llama"  # a format with a BOS is of a model with one
    pair, source = pairs[vocabulary], FAMILIES[name]
    template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
    assert forms_of(template) == FORMS[name]
    assert compare(pair, source) >= 4


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_constructs(construct: str, pairs: dict[str, Pair]) -> None:
    for number, source in enumerate(CONSTRUCTS[construct]):
        rendered = compare(pairs["llama"], source, construct in COUNTING)
        # One of them is an error whatever the conversation: a name with an underscore.
        assert rendered or (construct, number) == ("namespace", 2), number


def test_expressions(pairs: dict[str, Pair]) -> None:
    """Single expressions and statements, right and wrong ones, each by itself."""
    pair, differing = pairs["llama"], []
    for source in (HERE / "expressions.txt").read_text("utf-8").splitlines():
        template = ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)
        for name in ("emoji", "turns", "tools"):
            conversation = Messages().deserialize(CONVERSATIONS[name])
            turns = [_turn(message) for message in conversation.messages]
            try:
                mine = render_messages(turns, template).text.replace(SPECIAL_TOKEN_GUARD, "")
            except TemplateRefused:
                mine = None
            if mine != theirs(pair, source, to_messages(turns, ()), False):
                differing.append((source, name))
    assert not differing


def test_there_are_enough() -> None:
    assert len(CONSTRUCTS) >= 25
    assert len(FAMILIES) >= 20
    assert len(CONVERSATIONS) >= 10
