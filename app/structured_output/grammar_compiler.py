"""JSON schemas to matchers of the grammar library, within bounds.

Knows nothing about processes, requests or numpy: the child that tries schemas imports this too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.structured_output.schema_errors import in_our_words
from app.tokenizer.tokenizer import Tokenizer

#: Bytes of a schema's JSON text at most.
MAX_SCHEMA_BYTES = 1 << 20
#: Of one grammar and of one step in it. What breaks them is an error, never a long wait.
#: Objects with some thousand optional properties need more items than the library's own limits.
_LIMITS: dict[str, Any] = {
    "max_items_in_row": 20_000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 400_000,
    "max_lexer_states": 50_000,
    "max_grammar_size": 500_000,
    "verbose_errors": False,
}
#: What may stand between the parts of a JSON text, besides nothing: what models write. Forbidding
#: it makes them say something else (an empty list, where they wanted a new line first), and
#: without a bound small ones never stop.
_WHITE_SPACE = r" |\r?\n( {0,40}|\t{0,10})"
_OPTIONS: dict[str, Any] = {"whitespace_flexible": True, "whitespace_pattern": _WHITE_SPACE}
#: Without \u: a name spelled with it would pass for another one than it is.
_ESCAPES = 'nrbtf"\\'
_CONTROLS = {*map(chr, range(32)), "\x7f"} - set("\n\r\b\t\f")


class InvalidSchema(ValueError):
    """The schema is wrong, or says something that cannot be kept to; the message is one line
    for the client."""


@dataclass(frozen=True, slots=True)
class GrammarTokens:
    """A vocabulary as the grammar library wants it."""

    pieces: tuple[bytes, ...]
    special_ids: tuple[int, ...]
    eos_ids: tuple[int, ...]
    bos_id: int | None


def grammar_tokens(tokenizer: Tokenizer, eos_ids: Iterable[int]) -> GrammarTokens:
    """The vocabulary of `tokenizer`; eos_ids: the tokens that end an answer."""
    special = frozenset((*tokenizer.special_ids, *eos_ids))
    # control tokens have no bytes of their own; each gets a name no text can spell
    pieces = tuple(
        piece if piece and number not in special else b"\xff[%d]" % number
        for number, piece in enumerate(tokenizer.token_bytes)
    )
    known = tuple(sorted(each for each in eos_ids if each < len(pieces)))
    return GrammarTokens(pieces, tuple(sorted(special)), known or (0,), tokenizer.bos_id)


class GrammarCompiler:
    """Compiles schemas for one vocabulary. Any thread may use it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        import llguidance  # only servers that are asked for JSON need it

        self._library = llguidance
        self._limits = llguidance.LLParserLimits(**_LIMITS)
        vocabulary = _Vocabulary(tokens)
        wrapper = llguidance.TokenizerWrapper(vocabulary)
        self._tokens = llguidance.LLTokenizer(wrapper, eos_token=list(tokens.eos_ids))
        vocabulary.longest = self._tokens.greedy_tokenize

    def compile(self, schema: str) -> Any:
        """The library's matcher at the grammar's beginning.

        schema: JSON text, as `schema_trial` hands it on.

        Raises:
            InvalidSchema: what is wrong with it.
        """
        matcher_type = self._library.LLMatcher
        options: Any = {**_OPTIONS, "json_allowed_escapes": _escapes(schema)}
        try:
            grammar = matcher_type.grammar_from_json_schema(schema, overrides=options)
        except ValueError as error:
            raise InvalidSchema(in_our_words(str(error))) from None
        matcher = matcher_type(self._tokens, grammar, log_level=0, limits=self._limits)
        if matcher.is_error():
            raise InvalidSchema(in_our_words(matcher.get_error()))
        return matcher

    def tokens_of(self, text: str) -> list[int]:
        """Tokens whose bytes are the text's, whichever: a grammar only sees bytes. [] where the
        vocabulary cannot spell it."""
        data = text.encode()
        tokens: list[int] = self._tokens.tokenize_bytes(data)
        return tokens if self._tokens.decode_bytes(tokens) == data else []


def spells_controls(schema: str) -> bool:
    """Whether an answer to the schema may have to spell a character as JSON's \\u writes it."""
    return any(each in schema or f"\\u{ord(each):04x}" in schema for each in _CONTROLS)


def _escapes(schema: str) -> str:
    """Letters after a backslash: u only for characters that JSON cannot write without it."""
    return _ESCAPES + "u" if spells_controls(schema) else _ESCAPES


class _Vocabulary:
    """A vocabulary under the names that the library looks for."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self.tokens = list(tokens.pieces)
        self.eos_token_id = tokens.eos_ids[0]
        self.bos_token_id = tokens.bos_id
        self.special_token_ids = list(tokens.special_ids)
        #: Cuts a text into the longest tokens; the library can, once it knows the vocabulary.
        self.longest: Callable[[str], list[int]] | None = None

    def __call__(self, text: bytes | str) -> Sequence[int]:
        """Tokens of a text that a grammar leaves no choice about, such as a key. The library lets
        an answer have no others there, so they must be such as models say: one that has to spell
        words byte by byte loses its thread, and names nothing more that makes sense."""
        if self.longest is None:  # asked only whether bytes will do
            return []
        return self.longest(text.decode() if isinstance(text, bytes) else text)
