"""Renders every template with every conversation and compares text and ids with transformers.

The templates were written for these tests, after the published rules of the formats.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.generation.rendering import to_chat_message
from app.prompts import ChatTemplateError
from app.prompts.chat_messages import to_template_messages
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.template_features import TemplateFeatures, detect_features
from app.protocol.messages import Messages
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from tests.prompts.constructs import CONSTRUCTS
from tests.prompts.conversations import CONVERSATIONS
from tests.prompts.like_transformers import Pair, for_transformers, ours, theirs

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
#: Constructs that depend on the positions of characters. They see the guards in users' texts, and
#: the sentinels at the end of a continued text.
POSITION_DEPENDENT = ("slices", "methods of strings", "filters of text")


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
