"""No user text contains a special token's text after guarding, even if texts are joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prompts.special_token_guard import guard_embedded_text, guard_special_tokens
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

SPECIAL_TEXTS = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "[PAD]", "<<s>>", "aa")
pieces = st.sampled_from(
    [*SPECIAL_TEXTS, "<", "s>", "|im_", "end|>", "a", "x", "[", "PAD]", "你", "\n", ""]
)
texts = st.lists(pieces, max_size=8).map("".join)


@given(st.lists(texts, max_size=5))
def test_no_special_text_is_left(parts: list[str]) -> None:
    joined = "".join(guard_special_tokens(part, SPECIAL_TEXTS) for part in parts)
    assert not any(special in joined for special in SPECIAL_TEXTS)
    assert joined.replace(SPECIAL_TOKEN_GUARD, "") == "".join(parts), "nothing else is changed"


@given(texts.filter(bool), st.sampled_from(SPECIAL_TEXTS), st.data())
def test_no_special_text_is_formed_with_the_templates_brackets(
    text: str, special_text: str, data: st.DataObject
) -> None:
    """A template may write the beginning and the end of a special token around a name."""
    first = data.draw(st.integers(0, len(special_text) - 1))
    last = data.draw(st.integers(first, len(special_text)))
    before, after = special_text[:first], special_text[last:]
    joined = before + guard_embedded_text(text, SPECIAL_TEXTS) + after
    for special in SPECIAL_TEXTS:
        start = joined.find(special)
        assert start < 0 or start + len(special) <= first or start >= len(joined) - len(after)
    assert joined.replace(SPECIAL_TOKEN_GUARD, "") == before + text + after


@pytest.mark.parametrize(
    ("text", "guarded"),
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
def test_examples(text: str, guarded: str) -> None:
    assert guard_special_tokens(text, SPECIAL_TEXTS) == guarded


def test_no_special_tokens() -> None:
    assert guard_special_tokens("<s>", ()) == "<s>"
    assert guard_special_tokens("<s>", ("",)) == "<s>"
