"""The tokens that may come next while an answer thinks: a budget ends the thinking, and a grammar
begins after it."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.engine.detokenizer import Detokenizer
from app.engine.reasoning_parser import ReasoningParser, ReasoningStage
from app.engine.request import Reasoning
from app.engine.token_ids import TokenIds
from app.structured_output.grammar_constraint import GrammarConstraint
from app.tokenizer.tokenizer import Tokenizer

Mask = NDArray[np.bool_]


class ReasoningConstraint:
    """One answer's state. Has the methods of `GrammarConstraint`; its tokens are given to the
    detokenizer first. Used by one thread at a time.

    Before the thinking has begun, the answer may begin instead, so both a start tag and what the
    grammar takes are allowed. While it lasts, every token is, but the end of the sequence (an
    answer without text is no instance of the grammar) and tokens in which an answer begins.
    """

    def __init__(
        self,
        reasoning: Reasoning,
        detokenizer: Detokenizer,
        tokenizer: Tokenizer,
        end_ids: Set[int],
        grammar: GrammarConstraint | None,
    ) -> None:
        """detokenizer: of the same answer, with a parser; end_ids: tokens that end an answer;
        grammar: of the answer after the thinking."""
        assert detokenizer.parser is not None
        self._reasoning, self._detokenizer = reasoning, detokenizer
        self._parser: ReasoningParser = detokenizer.parser
        self._stage = self._parser.stage  #: before the token to come
        self._tokenizer, self._end_ids = tokenizer, end_ids
        self._grammar = grammar
        #: While undecided: the grammar after the tokens so far; None: they do not fit it.
        self._trial = grammar.copy() if grammar and not reasoning.starts_inside else None
        self._trial_mask: Mask | None = None
        self._thinking: list[int] = []  #: the last tokens, as many as the end tag's
        self._forced: TokenIds = ()  #: to come next

    @property
    def complete(self) -> bool:
        """True when the answer must end here. Raises ConstraintFailed."""
        if self._parser.stage is ReasoningStage.UNDECIDED:
            return self._trial is not None and self._trial.complete
        if self._parser.stage is ReasoningStage.THINKING:
            return False
        return self._grammar is not None and self._grammar.complete

    def allowed(self) -> Mask | None:
        """The tokens that may come next, bool [vocab]; None: all. Raises ConstraintFailed."""
        self._stage = self._parser.stage
        if self._stage is ReasoningStage.UNDECIDED:
            return self._allowed_undecided()
        if self._stage is ReasoningStage.THINKING:
            return self._allowed_thinking()
        return None if self._grammar is None else self._grammar.allowed()

    def accept(self, token: int) -> None:
        """Take an allowed token, which the detokenizer already has. Raises ConstraintFailed."""
        if self._stage is ReasoningStage.UNDECIDED:
            self._accept_undecided(token)
        elif self._stage is ReasoningStage.THINKING:
            self._thinking = [*self._thinking, token][-len(self._reasoning.end_ids) :]
            self._forced = self._forced[1:]
        elif self._grammar is not None:
            self._grammar.accept(token)

    def _allowed_undecided(self) -> Mask | None:
        if self._grammar is None:
            return None
        begun = self._parser.pending.lstrip()
        mask = tokens_of_tag(self._tokenizer, self._reasoning.start_tag, begun)
        self._trial_mask = None if self._trial is None else self._trial.allowed()
        return mask if self._trial_mask is None else mask | self._trial_mask

    def _accept_undecided(self, token: int) -> None:
        if self._trial is None or self._trial_mask is None:
            return
        if self._parser.stage in (ReasoningStage.UNDECIDED, ReasoningStage.ANSWER):
            if self._trial_mask[token]:
                self._trial.accept(token)
            else:
                self._trial = None
        if self._parser.stage is ReasoningStage.ANSWER and self._trial is not None:
            self._grammar = self._trial

    def _allowed_thinking(self) -> Mask | None:
        budget = self._reasoning.budget
        if not self._forced and budget is not None:
            if self._detokenizer.thinking_tokens >= budget:
                self._forced = self._rest_of_end_tag()
        vocab_size = len(self._tokenizer.token_bytes)
        if self._forced:
            mask = np.zeros(vocab_size, dtype=bool)
            mask[self._forced[0]] = True
            return mask
        if self._grammar is None:
            return None
        mask = ~tokens_beyond_tag(self._tokenizer, self._reasoning.end_tag, self._parser.pending)
        mask[[token for token in self._end_ids if token < vocab_size]] = False
        return mask

    def _rest_of_end_tag(self) -> TokenIds:
        """The end tag's tokens, without those that the model has just written itself."""
        ids = self._reasoning.end_ids
        lengths = range(len(ids) - 1, 0, -1)
        written = (n for n in lengths if tuple(self._thinking[-n:]) == ids[:n])
        return ids[next(written, 0) :]


@lru_cache(maxsize=64)
def tokens_of_tag(tokenizer: Tokenizer, tag: str, begun: str) -> Mask:
    """The tokens, bool [vocab], that go on with a tag of which `begun` is there. Where one token
    is the whole tag its parts are left out: "<" alone would compete with the answer's tokens,
    although no model that thinks begins in this way."""
    whole, before = tag.encode(), begun.encode()
    completing = np.zeros(len(tokenizer.token_bytes), dtype=bool)
    parts = completing.copy()
    for token, data in enumerate(tokenizer.token_bytes):
        text = before + data
        completing[token] = bool(data) and text.startswith(whole)
        parts[token] = bool(data) and whole.startswith(text)
    if not begun:
        completing[_special_ids(tokenizer, tag)] = True
    return completing if not begun and completing.any() else completing | parts


@lru_cache(maxsize=64)
def tokens_beyond_tag(tokenizer: Tokenizer, tag: str, begun: str) -> Mask:
    """The tokens, bool [vocab], that complete a tag, of which `begun` may be there already, and
    go on after it."""
    whole, before = tag.encode(), begun.encode()
    mask = np.zeros(len(tokenizer.token_bytes), dtype=bool)
    for token, data in enumerate(tokenizer.token_bytes):
        if whole[-1] in data:
            _, found, rest = (before + data).partition(whole)
            mask[token] = bool(found) and bool(rest)
    return mask


def _special_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    pairs = zip(tokenizer.special_ids, tokenizer.special_texts, strict=True)
    return [token for token, special in pairs if special == text]
