"""Stop strings against the plain rule: cut the whole text where the first match begins."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.stop_strings import StopStringMatcher
from tests.harness.waiting import cpu_limit

FEW = st.text(alphabet="ab\n ", max_size=24)
STOPS = st.lists(st.text(alphabet="ab\n ", min_size=1, max_size=5), max_size=4).map(tuple)


def plain_rule(text: str, stops: tuple[str, ...], drop: bool) -> tuple[str, bool]:
    text = text.lstrip() if drop else text
    for at in range(len(text)):
        if any(text.startswith(stop, at) for stop in stops):
            return text[:at], True
    return text, False


def run(finder: StopStringMatcher, pieces: list[str]) -> tuple[list[str], bool]:
    """What comes out, piece by piece, fed as the engine feeds it."""
    out = []
    for piece in pieces:
        text, stopped = finder.push(piece)
        out.append(text)
        if stopped:
            return out, True
    return [*out, finder.finish()], finder.stopped


@settings(max_examples=1500, deadline=None)
@given(text=FEW, stops=STOPS, drop=st.booleans(), data=st.data())
def test_any_pieces_give_what_the_whole_text_gives(
    text: str, stops: tuple[str, ...], drop: bool, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    finder = StopStringMatcher(stops, drop)
    out, stopped = run(finder, pieces)
    assert ("".join(out), stopped) == plain_rule(text, stops, drop)
    rest = (text.lstrip() if drop else text)[len("".join(out)) :]
    matches = [stop for stop in stops if stopped and rest.startswith(stop)]
    assert finder.found == min(matches, key=len, default=None)


@settings(max_examples=500, deadline=None)
@given(text=FEW, stops=STOPS, drop=st.booleans())
def test_nothing_is_held_that_could_be_said(text: str, stops: tuple[str, ...], drop: bool) -> None:
    finder = StopStringMatcher(stops, drop)
    said = ""
    for end, character in enumerate(text, 1):
        new, stopped = finder.push(character)
        said += new
        if stopped:
            break
        seen = text[:end].lstrip() if drop else text[:end]
        assert seen.startswith(said)
        held = seen[len(said) :]
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        (["Hello", " world"], (), ["Hello", " world", ""]),
        (["ab", "c"], ("abd",), ["", "abc", ""]),
        (["one\n", "\ntwo"], ("\n\n",), ["one", ""]),
        (["x##", "# Instruction:", "no"], ("### Instruction:",), ["x", ""]),
        (["abc"], ("abcd", "bc"), ["", "a"]),  # "abcd" may come until the end decides
        (["abc", "d"], ("abcd", "bc"), ["", ""]),
        (["abc", "x"], ("abcd", "bc"), ["", "a"]),
        (["aab"], ("ab", "aab"), [""]),
        (["答", "：问"], ("：答", "：问"), ["答", ""]),
        (["aaa", "b"], ("aab",), ["a", ""]),
        (["", "", "stop"], ("stop",), ["", "", ""]),
        (["abc"], ("", "b"), ["a"]),
    ],
)
def test_examples(pieces: list[str], stops: tuple[str, ...], expected: list[str]) -> None:
    assert run(StopStringMatcher(stops, False), pieces)[0] == expected


def test_nothing_comes_after_a_stop() -> None:
    finder = StopStringMatcher(("b",), False)
    assert finder.push("abc") == ("a", True)
    assert finder.push("more") == ("", True)
    assert finder.finish() == ""
    assert finder.stopped


def test_dropped_white_space_cannot_match() -> None:
    finder = StopStringMatcher(("\n",), drop_leading_space=True)
    assert [finder.push(piece) for piece in (" ", "\n", " \u3000", "\n北京")] == [
        ("", False),
        ("", False),
        ("", False),
        ("北京", False),
    ]
    assert finder.push(" 。\n") == (" 。", True)


def test_without_the_flag_white_space_counts() -> None:
    assert StopStringMatcher(("\n",), drop_leading_space=False).push("\n北京") == ("", True)


def test_long_text_in_small_pieces_is_quick() -> None:
    stop = "a" * 255 + "b"
    finder = StopStringMatcher((stop,) * 4, False)
    with cpu_limit(1):
        out, stopped = run(finder, ["a"] * 3000)
    assert "".join(out) == "a" * 3000
    assert not stopped
