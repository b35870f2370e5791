"""No text of a user's can spell a control token, however texts are put side by side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prompts.special_token_guard import break_inside, break_up
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

SPECIALS = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "[PAD]", "<<s>>", "aa")
pieces = st.sampled_from(
    [*SPECIALS, "<", "s>", "|im_", "end|>", "a", "x", "[", "PAD]", "你", "\n", ""]
)
texts = st.lists(pieces, max_size=8).map("".join)


@given(st.lists(texts, max_size=5))
def test_no_spelling_is_left(parts: list[str]) -> None:
    joined = "".join(break_up(part, SPECIALS) for part in parts)
    assert not any(special in joined for special in SPECIALS)
    assert joined.replace(SPECIAL_TOKEN_GUARD, "") == "".join(parts), "nothing else is changed"


@given(texts.filter(bool), st.sampled_from(SPECIALS), st.data())
def test_none_is_made_between_a_templates_own_brackets(
    text: str, spelling: str, data: st.DataObject
) -> None:
    """What a template writes around a name may be a spelling's beginning and end."""
    first = data.draw(st.integers(0, len(spelling) - 1))
    last = data.draw(st.integers(first, len(spelling)))
    before, after = spelling[:first], spelling[last:]
    shown = before + break_inside(text, SPECIALS) + after
    for special in SPECIALS:
        start = shown.find(special)
        assert start < 0 or start + len(special) <= first or start >= len(shown) - len(after)
    assert shown.replace(SPECIAL_TOKEN_GUARD, "") == before + text + after


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("<s>", f"<{SPECIAL_TOKEN_GUARD}s>"),
        ("a <|im_end|> b", f"a <{SPECIAL_TOKEN_GUARD}|im_end|> b"),
        ("x</", f"x<{SPECIAL_TOKEN_GUARD}/"),
        ("<<", f"<{SPECIAL_TOKEN_GUARD}<{SPECIAL_TOKEN_GUARD}"),
        ("aaa", f"a{SPECIAL_TOKEN_GUARD}a{SPECIAL_TOKEN_GUARD}a{SPECIAL_TOKEN_GUARD}"),
        ("1 < 2", "1 < 2"),
        ("普通的文字", "普通的文字"),
    ],
)
def test_examples(text: str, broken: str) -> None:
    assert break_up(text, SPECIALS) == broken


def test_no_specials() -> None:
    assert break_up("<s>", ()) == "<s>"
    assert break_up("<s>", ("",)) == "<s>"
