"""Tool turns as plain text, for templates that have no form of their own for them.

Knows nothing about templates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.prompts import Call, Turn

_CALL = "<tool_call>\n{}\n</tool_call>"
_RESULT = "<tool_response>\n{}\n</tool_response>"


def calls_as_text(turns: Sequence[Turn]) -> list[Turn]:
    """The same turns, what the assistant called written under what it said."""
    return [_spoken(turn) if turn.calls else turn for turn in turns]


def results_as_text(turns: Sequence[Turn]) -> list[Turn]:
    """The same turns, tools' results said by the user. Results in a row, and what the user
    says after them, become one turn: many templates want roles to alternate."""
    return list(_merged(turns))


def _spoken(turn: Turn) -> Turn:
    parts = [turn.text] if turn.text else []
    parts += [_CALL.format(_json(call)) for call in turn.calls]
    return replace(turn, text="\n".join(parts), has_text=True, calls=())


def _json(call: Call) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


def _merged(turns: Sequence[Turn]) -> Iterator[Turn]:
    results: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            results.append(_RESULT.format(turn.text))
        elif turn.role == "user" and results:
            yield replace(turn, text="\n\n".join([*results, turn.text]))
            results = []
        else:
            if results:
                yield Turn("user", "\n\n".join(results))
                results = []
            yield turn
    if results:
        yield Turn("user", "\n\n".join(results))
