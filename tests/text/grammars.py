"""Which JSON values the grammar of a schema takes: by feeding it their texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from app.text.grammar import GrammarCompiler, grammar_tokens
from app.text.schema_trial import examine
from app.text.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL

T = TypeVar("T")


class Language:
    """Grammars over the embedded model's vocabulary."""

    def __init__(self) -> None:
        self.compiler = GrammarCompiler(grammar_tokens(load_tokenizer(Path(EMBEDDED_MODEL)), [2]))

    def verdict(self, schema: dict[str, Any]) -> tuple[bool, str]:
        """Whether the schema may be used; what is compiled, or why not."""
        fine, text, _, _ = examine(self.compiler, json.dumps(schema))
        return fine, text

    def taken(self, schema: dict[str, Any], values: Iterable[T]) -> list[T]:
        """Those of the values that may be an answer."""
        fine, text = self.verdict(schema)
        assert fine, text
        matcher = self.compiler.compile(text)
        return [value for value in values if self._takes(matcher.deep_copy(), value)]

    def _takes(self, matcher: Any, value: object) -> bool:
        tokens = self.compiler.tokens_of(_spelled(value))
        taken = matcher.try_consume_tokens(tokens)
        return bool(taken == len(tokens) and matcher.is_accepting())


def _spelled(value: object) -> str:
    """As an answer spells it: the short escapes, and \\u only where JSON needs it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
