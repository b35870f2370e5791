"""Compiles grammars to matchers of the grammar library (llguidance), within limits.

The child process that validates grammars imports this too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.tokenizer.tokenizer import Tokenizer

#: Of the text of a StructuredOutput.
MAX_TEXT_BYTES = 1 << 20
#: The library's limits for a grammar and for a step in it. Exceeding one is an error, not a long
#: wait. Objects with thousands of optional properties need more items than its defaults allow.
_LIMITS: dict[str, Any] = {
    "max_items_in_row": 20_000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 400_000,
    "max_lexer_states": 50_000,
    "max_grammar_size": 500_000,
    "verbose_errors": False,
}


class InvalidGrammar(ValueError):
    """It is invalid or not supported; the message is the library's: see `client_message`."""


@dataclass(frozen=True, slots=True)
class GrammarTokens:
    """A vocabulary in the form that the grammar library needs."""

    token_bytes: tuple[bytes, ...]
    special_ids: tuple[int, ...]
    eos_ids: tuple[int, ...]
    bos_id: int | None


def grammar_tokens(tokenizer: Tokenizer, eos_ids: Iterable[int]) -> GrammarTokens:
    """The vocabulary of `tokenizer`. eos_ids: the tokens that end an answer."""
    special = frozenset((*tokenizer.special_ids, *eos_ids))
    # Control tokens have no bytes; each gets a name that is not valid UTF-8.
    token_bytes = tuple(
        piece if piece and token not in special else b"\xff[%d]" % token
        for token, piece in enumerate(tokenizer.token_bytes)
    )
    in_vocabulary = tuple(sorted(token for token in eos_ids if token < len(token_bytes)))
    return GrammarTokens(
        token_bytes, tuple(sorted(special)), in_vocabulary or (0,), tokenizer.bos_id
    )


class GrammarCompiler:
    """Compiles grammars for one vocabulary. Any thread may use it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        import llguidance  # imported with the first grammar

        self._library = llguidance
        self._limits = llguidance.LLParserLimits(**_LIMITS)
        vocabulary = _Vocabulary(tokens)
        wrapper = llguidance.TokenizerWrapper(vocabulary)
        self._tokens = llguidance.LLTokenizer(wrapper, eos_token=list(tokens.eos_ids))
        vocabulary.greedy = self._tokens.greedy_tokenize

    def compile(self, grammar: str) -> Any:
        """The library's matcher in the grammar's first state.

        grammar: of the library, as `library_grammar` gives it and `Verdict.text` has it.

        Raises:
            InvalidGrammar: the library refuses it.
        """
        matcher = self._library.LLMatcher(self._tokens, grammar, log_level=0, limits=self._limits)
        if matcher.is_error():
            raise InvalidGrammar(matcher.get_error())
        return matcher

    def tokenize(self, text: str) -> list[int]:
        """Tokens whose bytes are the text's (a grammar only sees bytes); [] if the vocabulary
        has none for it."""
        data = text.encode()
        tokens: list[int] = self._tokens.tokenize_bytes(data)
        return tokens if self._tokens.decode_bytes(tokens) == data else []


class _Vocabulary:
    """A vocabulary with the attribute names that the library expects."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self.tokens = list(tokens.token_bytes)
        self.eos_token_id = tokens.eos_ids[0]
        self.bos_token_id = tokens.bos_id
        self.special_token_ids = list(tokens.special_ids)
        #: The library's greedy longest-match tokenizer, set once it has the vocabulary.
        self.greedy: Callable[[str], list[int]] | None = None

    def __call__(self, text: bytes | str) -> Sequence[int]:
        """Tokens of a text that the grammar prescribes, such as a property's name.

        The library allows only these tokens there, so they must be like a model's own: after
        words forced byte by byte a model gives meaningless values.
        """
        if self.greedy is None:  # the library only tests whether it takes bytes
            return []
        return self.greedy(text.decode() if isinstance(text, bytes) else text)
