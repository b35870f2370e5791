"""Other names of fields: OpenAI's newer ones, and those of other servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: For each alias the field that it means, or the key of a field that is an object. Where a request
#: has both, the alias of a field wins; a request with two structured outputs is refused.
FIELD_ALIASES: Mapping[str, str] = {
    "max_completion_tokens": "max_tokens",
    "thinking_token_budget": "thinking_budget",  # vLLM
    "reasoning_budget": "thinking_budget",  # llama.cpp
    "min_new_tokens": "min_tokens",  # transformers' and SGLang's
    # vLLM's names until 0.11
    "guided_json": "structured_outputs.json",
    "guided_regex": "structured_outputs.regex",
    "guided_choice": "structured_outputs.choice",
    "guided_grammar": "structured_outputs.grammar",
    "structural_tag": "structured_outputs.structural_tag",
    # SGLang's and llama.cpp's
    "json_schema": "structured_outputs.json",
    "regex": "structured_outputs.regex",
    "ebnf": "structured_outputs.grammar",
    "grammar": "structured_outputs.grammar",
}


def given_name(values: Mapping[str, Any], name: str) -> str:
    """The name under which the client gave a field: an alias, which wins, or the field's."""
    aliases = (alias for alias, meant in FIELD_ALIASES.items() if meant == name)
    return next((alias for alias in aliases if alias in values), name)


def aliases_of_keys(name: str) -> dict[str, str]:
    """The aliases of the keys of the field `name`, each with its key."""
    split = ((alias, meant.partition(".")) for alias, meant in FIELD_ALIASES.items())
    return {alias: key for alias, (field, _, key) in split if field == name and key}
