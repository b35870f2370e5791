"""When logprobs are released, and the offsets of their text."""

from __future__ import annotations

import itertools
import random

import pytest

from app.engine.detokenizer import Detokenizer
from app.engine.events import TokenLogprob

#: Ids below 256 are bytes; then a word, a control token, and a blank before a word.
TOKENS = (*(bytes([value]) for value in range(256)), "杭州".encode(), b"", b" a")
WORD, CONTROL, BLANK = 256, 257, 258


def answer(tokens: list[int], *stop: str, drop: bool = False) -> list[tuple[str, list[int]]]:
    """For each token, and for the end, the text and the logprobs that came with it."""
    detokenizer = Detokenizer(TOKENS, stop, drop)
    steps = []
    for token in tokens:
        text, stopped = detokenizer.push(token, TokenLogprob(token, -1.0, ()))
        steps.append(
            (text, [(each.token_id, each.offset) for each in detokenizer.release_logprobs()])
        )
        if stopped:
            return steps
    text, _ = detokenizer.finish()
    steps.append((text, [(each.token_id, each.offset) for each in detokenizer.release_logprobs()]))
    return steps


def test_a_token_is_released_with_its_text() -> None:
    assert answer([ord("a"), WORD, CONTROL]) == [
        ("a", [(97, 0)]),
        ("杭州", [(WORD, 1)]),
        ("", [(CONTROL, 3)]),
        ("", []),
    ]


def test_bytes_of_one_character_are_released_together_with_it() -> None:
    first, second, third = "西".encode()
    assert answer([97, first, second, third]) == [
        ("a", [(97, 0)]),
        ("", []),
        ("", []),
        ("西", [(first, 1), (second, 1), (third, 1)]),
        ("", []),
    ]


def test_half_a_character_is_released_as_a_replacement() -> None:
    first = "西".encode()[0]
    assert answer([first, 97]) == [("", []), ("\ufffda", [(first, 0), (97, 1)]), ("", [])]
    assert answer([first]) == [("", []), ("\ufffd", [(first, 0)])]


def test_tokens_held_back_are_released_later_and_none_is_lost() -> None:
    assert answer([97, 98, 99], "abd") == [
        ("", []),
        ("", []),
        ("abc", [(97, 0), (98, 1), (99, 2)]),
        ("", []),
    ]


def test_what_a_stop_string_cuts_off_is_not_released() -> None:
    assert answer([97, 98, CONTROL, 99], "bc") == [("a", [(97, 0)]), ("", []), ("", []), ("", [])]
    assert answer([97, 98], "a") == [("", [])]


def test_a_token_that_is_cut_in_two_is_released() -> None:
    assert answer([97, WORD], "州") == [("a", [(97, 0)]), ("杭", [(WORD, 1)])]


def test_offsets_count_after_dropped_blanks() -> None:
    assert answer([32, BLANK, 98], drop=True) == [
        ("", [(32, 0)]),
        ("a", [(BLANK, 0)]),
        ("b", [(98, 1)]),
        ("", []),
    ]


@pytest.mark.parametrize("seed", range(200))
def test_released_tokens_are_the_first_ones_and_cover_the_text(seed: int) -> None:
    rng = random.Random(seed)
    choice = [97, 98, 99, 32, *"西😀".encode(), WORD, CONTROL, BLANK]
    tokens = rng.choices(choice, k=rng.randint(0, 20))
    stops = tuple(
        "".join(rng.choices("ab 西", k=rng.randint(1, 3))) for _ in range(rng.randint(0, 2))
    )
    steps = answer(tokens, *stops)
    text = "".join(piece for piece, _ in steps)
    released = [token for _, group in steps for token in group]
    assert [token for token, _ in released] == tokens[: len(released)]
    given = released_length = 0
    for piece, group in steps:
        given += len(piece)
        released_length += len(group)
        covered = b"".join(TOKENS[token] for token in tokens[:released_length])
        assert len(covered.decode(errors="replace")) >= given, "text before its logprobs"
    raw = b"".join(TOKENS[token] for token, _ in released).decode(errors="replace")
    assert raw.startswith(text) or "\ufffd" in raw
    offsets = [offset for _, offset in released]
    assert offsets == sorted(offsets)
    if len(released) > 1 and "\ufffd" not in raw:
        for (token, start), (_, end) in itertools.pairwise(released):
            assert raw[start:end] in (TOKENS[token].decode(errors="replace"), "")


def test_a_special_token_that_is_text_in_this_answer() -> None:
    detokenizer = Detokenizer(TOKENS, ("<b>",), False, {CONTROL: b"<call>"})
    steps = [detokenizer.push(token) for token in (*"杭".encode()[:2], CONTROL, *b"<", BLANK)]
    assert steps == [("", False), ("", False), ("\ufffd<call>", False), ("", False), ("< a", False)]
    stopped = Detokenizer(TOKENS, ("call",), False, {CONTROL: b"<call>"})
    assert stopped.push(CONTROL) == ("<", True)
