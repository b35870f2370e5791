"""Renders templates that read tools, with conversations that use them, as transformers does.

The templates were written for these tests, after the published rules of the formats.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from app.prompts.chat_template import ChatTemplate
from app.prompts.template_features import (
    TemplateFeatures,
    ToolsPlacement,
    detect_features,
    tools_placement,
)
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from tests.prompts.like_transformers import Pair, for_transformers, ours, theirs
from tests.prompts.tool_constructs import TOOL_CONSTRUCTS
from tests.prompts.tool_conversations import TOOL_CONVERSATIONS

TOOL_FAMILIES = {
    path.stem: path.read_text("utf-8")
    for path in (Path(__file__).parent / "tool_families").glob("*.jinja")
}
#: The vocabulary of each, and which conversations it refuses.
FAMILIES = {
    "hermes": ("qwen", set()),
    "llama-3": ("llama", {"parallel calls"}),
    "mistral": ("llama", set()),
}
#: In it users' texts have guards, which position-dependent constructs can see.
GUARDED = "special"


def compare(pair: Pair, source: str, name: str) -> bool:
    """Whether both render a conversation; their texts must be equal. False: both refuse it."""
    tools, messages = TOOL_CONVERSATIONS[name]
    our_prompt = ours(pair, source, messages, False, tools)
    their_messages = for_transformers(pair, source, messages, with_tools=True)
    their_text = theirs(pair, source, their_messages, False, tools)
    if our_prompt is None or their_text is None:
        assert our_prompt is None and their_text is None, (name, our_prompt, their_text)
        return False
    assert our_prompt.text.replace(SPECIAL_TOKEN_GUARD, "") == their_text, name
    if name != GUARDED:
        ids = pair.theirs(their_text, add_special_tokens=False).input_ids
        assert list(pair.ours.encode(our_prompt.text, allow_special=True)) == ids, name
    return True


def template_of(pair: Pair, source: str) -> ChatTemplate:
    return ChatTemplate(source, pair.ours.named_tokens, pair.ours.special_texts)


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family: str, pairs: dict[str, Pair]) -> None:
    vocabulary, refused = FAMILIES[family]
    pair, source = pairs[vocabulary], TOOL_FAMILIES[family]
    template = template_of(pair, source)
    assert tools_placement(template) is ToolsPlacement.TEMPLATE
    both = TemplateFeatures(supports_tool_calls=True, supports_tool_results=True)
    assert detect_features(template) == detect_features(template, with_tools=True) == both
    for name in TOOL_CONVERSATIONS:
        assert compare(pair, source, name) is (name not in refused), name


@pytest.mark.parametrize("construct", TOOL_CONSTRUCTS)
def test_constructs(construct: str, pairs: dict[str, Pair]) -> None:
    pair = pairs["llama"]
    for index, source in enumerate(TOOL_CONSTRUCTS[construct]):
        assert tools_placement(template_of(pair, source)) is ToolsPlacement.TEMPLATE, index
        names = [name for name in TOOL_CONVERSATIONS if name != GUARDED]
        rendered = [name for name in names if compare(pair, source, name)]
        assert len(rendered) >= 8, (index, rendered)


def test_number_of_cases() -> None:
    with_results = [
        messages
        for _, messages in TOOL_CONVERSATIONS.values()
        if any(message["role"] == "tool" for message in messages)
    ]
    assert len(TOOL_CONSTRUCTS) >= 25
    assert set(TOOL_FAMILIES) == set(FAMILIES) and len(FAMILIES) == 3
    assert len(with_results) >= 10
