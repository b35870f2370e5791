"""Which texts the grammars of each kind of structured output accept."""

from __future__ import annotations

import pytest

from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from tests.structured_output.grammars import GrammarTester

REGEX, CHOICE, GRAMMAR = (
    StructuredOutputKind.REGEX,
    StructuredOutputKind.CHOICE,
    StructuredOutputKind.GRAMMAR,
)
GBNF = 'root ::= "<" word{1,2} ">"\nword ::= [a-c]+ " "?\n'
LARK = 'start: "<" word ">"\nword: /[a-c]+/\n'


@pytest.fixture(scope="module")
def grammars() -> GrammarTester:
    return GrammarTester()


@pytest.mark.parametrize(
    ("kind", "text", "good", "bad"),
    [
        (REGEX, r"\d{3}", ["123"], ["12", "1234", "\u0663\u0663\u0663"]),
        (REGEX, r'^[^"\\]+$', ["a", "\x01", "杭州\n"], ['"', "\\", ""]),
        (REGEX, "a/b|😀?", ["a/b", "", "😀"], ["a", "a/b😀"]),
        (
            CHOICE,
            '["杭州", "杭", "😀", "a\\nb", ""]',
            ["杭州", "杭", "😀", "a\nb", ""],
            ["州", "a"],
        ),
        (CHOICE, '["\\u0001\\b\\f\\"\\\\/"]', ['\x01\b\f"\\/'], ["a"]),
        (GRAMMAR, LARK, ["<abc>"], ["<>", "<d>"]),
        (GRAMMAR, GBNF, ["<abc>", "<a b>"], ["<>", "<d>"]),
    ],
)
def test_kinds(
    grammars: GrammarTester,
    kind: StructuredOutputKind,
    text: str,
    good: list[str],
    bad: list[str],
) -> None:
    accepted = grammars.accepted_texts(StructuredOutput(kind, text), good + bad)
    assert accepted == good


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (REGEX, "a(", "not a regular expression"),
        (REGEX, "(?=a)b", "look-around"),
        (REGEX, r"(a)\1", "backreferences"),
        (REGEX, "a^b", "an anchor"),
        (GRAMMAR, "start: [^", "line 1: lexer error"),
        (GRAMMAR, 'start: "a" b', 'line 1: unknown name: "b"'),
        (GRAMMAR, 'start: "a"\nstart: "b"', 'line 2: duplicate rule: "start"'),
        (GRAMMAR, 'start: "a"\nx "b"', "line 2: Expected token ':', found"),
        (GRAMMAR, 'root ::= "a" b', "Rule 'b' not found"),
        (GRAMMAR, 'start: "a" %json {"type": "no"}', "'no'"),
        (GRAMMAR, 'start: "a" %json {"type"', "not a Lark or GBNF grammar"),
        (GRAMMAR, 'start: "a" start', "too large or too intricate"),
        (GRAMMAR, "hello", "not a Lark or GBNF grammar"),
        (GRAMMAR, 'start: x\nx: x "a"', "no answer can be kept"),
    ],
)
def test_invalid_ones_are_refused(
    grammars: GrammarTester, kind: StructuredOutputKind, text: str, words: str
) -> None:
    is_valid, message = grammars.verdict_on(StructuredOutput(kind, text))
    assert not is_valid
    assert words in message and "\n" not in message
