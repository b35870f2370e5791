"""Grammars in llama.cpp's form (GBNF), for what it has no field for."""

from __future__ import annotations

import json

#: How often llama.cpp lets something be repeated, at most: less than its limit of 2,000.
_MOST_REPEATED = 1000


def choice_grammar(choices: str) -> str:
    """One of some texts. choices: a JSON list of strings."""
    return "root ::= " + " | ".join(_literal(text) for text in json.loads(choices))


def length_grammar(min_tokens: int, excluded: int) -> str:
    """Any text of so many tokens or more: the end of sequence comes where a grammar is complete.

    min_tokens: up to 1,000,000. excluded: a token that is never taken.
    """
    thousands, rest = divmod(min_tokens, _MOST_REPEATED)
    first = f"thousand{{{thousands}}} " if thousands else ""
    lines = [f"root ::= {first}any{{{rest},}}", f"any ::= !<[{excluded}]>"]
    if thousands:
        lines.append(f"thousand ::= any{{{_MOST_REPEATED}}}")
    return "\n".join(lines)


def _literal(text: str) -> str:
    """Every character but letters and digits of ASCII as its code point."""
    plain = (
        character if character.isascii() and character.isalnum() else f"\\U{ord(character):08X}"
        for character in text
    )
    return f'"{"".join(plain)}"'
