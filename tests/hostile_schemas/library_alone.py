"""Prints which of the hostile schemas the grammar library compiles alone, with its own limits, and
takes a first step in, within two seconds of processor time.

Our limits do not apply. It runs as a program with one thread, because it forks for each schema.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import llguidance

from app.structured_output.grammar_compiler import GrammarCompiler, grammar_tokens
from app.tokenizer.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL
from tests.hostile_schemas.schemas import all_schemas

WITHIN_S = 2.0


def main() -> None:
    tokenizer = load_tokenizer(Path(EMBEDDED_MODEL))
    compiler = GrammarCompiler(grammar_tokens(tokenizer, tokenizer.eos_ids))
    for name, schema in all_schemas():
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_PROF, WITHIN_S)
            grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
            matcher = llguidance.LLMatcher(compiler._tokens, grammar, log_level=0)
            matcher.compute_bitmask()
            os._exit(1 if matcher.is_error() else 0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
