"""Checks which JSON values and texts a grammar accepts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.validation_worker import validate
from app.tokenizer.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL

T = TypeVar("T")


class GrammarTester:
    """Compiles grammars for the embedded model's vocabulary and checks which values they accept."""

    def __init__(self) -> None:
        self.compiler = GrammarCompiler(grammar_tokens(load_tokenizer(Path(EMBEDDED_MODEL)), [2]))

    def verdict(self, schema: dict[str, Any]) -> tuple[bool, str]:
        """Whether the schema is valid, and the grammar that is compiled or the reason."""
        return self.verdict_on(
            StructuredOutput(StructuredOutputKind.JSON_SCHEMA, json.dumps(schema))
        )

    def verdict_on(self, output: StructuredOutput) -> tuple[bool, str]:
        """Whether it is valid, and the grammar that is compiled or the reason."""
        is_valid, text, _, _ = validate(self.compiler, output)
        return is_valid, text

    def accepted_texts(self, output: StructuredOutput, texts: Iterable[str]) -> list[str]:
        """The texts that the grammar accepts as whole answers."""
        is_valid, grammar = self.verdict_on(output)
        assert is_valid, grammar
        matcher = self.compiler.compile(grammar)
        return [text for text in texts if self._accepts(matcher, text)]

    def accepted_values(self, schema: dict[str, Any], values: Iterable[T]) -> list[T]:
        """The values that the schema's grammar accepts."""
        matcher = self._matcher(schema)
        return [
            value for value in values if any(self._accepts(matcher, t) for t in _json_texts(value))
        ]

    def accepts(self, schema: dict[str, Any], text: str) -> bool:
        """Whether the schema's grammar accepts `text`."""
        return self._accepts(self._matcher(schema), text)

    def _matcher(self, schema: dict[str, Any]) -> Any:
        is_valid, text = self.verdict(schema)
        assert is_valid, text
        return self.compiler.compile(text)

    def _accepts(self, initial: Any, text: str) -> bool:
        matcher, tokens = initial.deep_copy(), self.compiler.tokenize(text)
        count = matcher.try_consume_tokens(tokens)
        return bool(count == len(tokens) and matcher.is_accepting())


def _json_texts(value: object) -> tuple[str, str]:
    """The JSON texts of a value: with DEL as it is, and escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text, text.replace("\x7f", "\\u007f")
