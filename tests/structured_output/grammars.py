"""Which JSON values the grammar of a schema takes: by feeding it their texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.validation_worker import validate_schema
from app.tokenizer.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL

T = TypeVar("T")


class Language:
    """Grammars over the embedded model's vocabulary."""

    def __init__(self) -> None:
        self.compiler = GrammarCompiler(grammar_tokens(load_tokenizer(Path(EMBEDDED_MODEL)), [2]))

    def verdict(self, schema: dict[str, Any]) -> tuple[bool, str]:
        """Whether the schema may be used; what is compiled, or why not."""
        fine, text, _, _ = validate_schema(self.compiler, json.dumps(schema))
        return fine, text

    def taken(self, schema: dict[str, Any], values: Iterable[T]) -> list[T]:
        """Those of the values that may be an answer."""
        matcher = self._matcher(schema)
        return [value for value in values if any(self._takes(matcher, t) for t in _spelled(value))]

    def spells(self, schema: dict[str, Any], text: str) -> bool:
        """Whether this very text may be an answer."""
        return self._takes(self._matcher(schema), text)

    def _matcher(self, schema: dict[str, Any]) -> Any:
        fine, text = self.verdict(schema)
        assert fine, text
        return self.compiler.compile(text)

    def _takes(self, beginning: Any, text: str) -> bool:
        matcher, tokens = beginning.deep_copy(), self.compiler.tokenize(text)
        taken = matcher.try_consume_tokens(tokens)
        return bool(taken == len(tokens) and matcher.is_accepting())


def _spelled(value: object) -> tuple[str, str]:
    """As an answer may spell it: DEL as it is, or escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text, text.replace("\x7f", "\\u007f")
