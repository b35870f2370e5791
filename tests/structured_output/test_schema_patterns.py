"""Regular expressions that the grammar library interprets differently from JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from app.structured_output.schema_patterns import UnsupportedPattern, translate_pattern
from tests.structured_output.grammars import GrammarTester

CHARACTERS = [*map(chr, range(0x250)), *"\u1680\u2028\u3000\ufeff\u0663中ſK😀"]


@pytest.fixture(scope="module")
def grammars() -> GrammarTester:
    return GrammarTester()


def count_accepted(grammars: GrammarTester, pattern: str, texts: Iterable[str]) -> int:
    """The number of texts that the grammar accepts. Python's `re` must accept all of them too."""
    accepted = grammars.accepted_values({"type": "string", "pattern": pattern}, texts)
    assert [text for text in accepted if not re.search(pattern, text)] == []
    return len(accepted)


@pytest.mark.filterwarnings("ignore:Possible (nested set|set)")
@pytest.mark.parametrize(
    ("pattern", "min_count"),
    [
        (r'^[^"\\]$', 500),
        (r"^[^ -~]$", 400),
        (r"^[\x00-\x22]$", 5),
        (r"^[\x00-\x1f]$", 5),
        (r"^[^\w/]$", 60),
        (r"^\W$", 60),
        (r"^\D$", 500),
        (r"^[^\D]$", 10),
        (r"^[\S]$", 500),
        (r"^[\W\d]$", 60),
        (r"^[^\s\d]$", 400),
        (r"^[a[bc]$", 4),
        (r"^[a&&b]$", 3),
        (r"^[+--]$", 3),
        (r"^[!~~]$", 2),
        (r"^[\w]$", 63),
        (r"^[\]\-\\^]$", 4),
        (r"^[b-]$", 2),
        (r"^\x7f$", 1),
        (r"^\v$", 1),
        ("^\x01$", 1),
        (r"^[\b\n]$", 2),
        (r"^\<$", 1),
        (r"^{$", 1),
        (r"^]$", 1),
        (r"^\u0663$", 1),
    ],
)
def test_one_character(grammars: GrammarTester, pattern: str, min_count: int) -> None:
    assert count_accepted(grammars, pattern, CHARACTERS) >= min_count


@pytest.mark.filterwarnings("ignore:Possible (nested set|set)")
@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("^a\x01b$", ["ab", "a\x01b"]),
        (r"^a\x7f?b$", ["ab", "a\x7fb", "a\x01b"]),
        (r"^[[:alpha:]]$", ["a", ":]", "[]", "x]"]),
        (r"^[a-z&&[^aeiou]]+$", ["bcd", "&]", "b]]"]),
        (r"^[^\\\"]+ ?$", ["ab", 'a"', "\\a", "中\\", "a "]),
        (r"^[\w.-]+@[\w-]+$", ["a@b", "a.b-c@d-e", "@", "ä@b"]),
        (r"^a{2}{$", ["aa{", "aa"]),
    ],
)
def test_longer_texts(grammars: GrammarTester, pattern: str, texts: list[str]) -> None:
    assert count_accepted(grammars, pattern, texts) >= 1


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\bword", "word boundaries"),
        (r"(a)\1", "backreferences"),
        (r"(?=a)", "look-around"),
        (r"(?<!a)b", "look-around"),
        (r"(?x) a", "begins"),
        (r"(?U)a+", "begins"),
        (r"(?P=x)", "begins"),
        (r"a{,3}", "comma"),
        (r"[]a]", "begins with ]"),
        (r"[z-a]", "range"),
        (r"[a", "without an end"),
        (r"\x{41}", r"\x"),
        (r"a\Z", r"\Z"),
        ("a\\", "\\"),
        (r"\ud83d\ude00", "half a character"),
    ],
)
def test_unsupported_syntax_is_named(pattern: str, message: str) -> None:
    with pytest.raises(UnsupportedPattern, match=re.escape(message)):
        translate_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]{2,5}$",
        "a|b",
        "(x+)*?",
        "^[à-ÿ一-龥]+$",
        r"^\p{L}+$",
        "(?:a)(?P<n>b)(?<m>c)(?i:d)",
        ".",
    ],
)
def test_common_syntax_is_unchanged(pattern: str) -> None:
    translated, narrowed = translate_pattern(pattern)
    assert narrowed == ("&&" in translated) == (r"\p" in pattern)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", ["2024-02-29", "2000-02-29", "2023-12-31"],
         ["2023-02-29", "1900-02-29", "2024-04-31", "0000-01-01", "2024-13-01"]),
        ("time", ["23:59:59Z", "00:00:00.5+01:30"], ["22:59:60Z", "24:00:00Z", "12:00:00"]),
        ("date-time", ["2024-02-29T10:00:00Z"], ["2023-02-29T10:00:00Z", "2024-01-01T23:58:60Z"]),
        ("hostname", ["a", "a-b.example", "x--y"], ["ab--c", "xn--X", "-a", "abcd." * 60 + "a"]),
    ],
)  # fmt: skip
def test_formats(grammars: GrammarTester, name: str, good: list[str], bad: list[str]) -> None:
    for extra in ({}, {"pattern": "."}):
        schema: dict[str, Any] = {"type": "string", "format": name, **extra}
        assert grammars.accepted_values(schema, good + bad) == good
