"""Lists of tools: what is left out does not move the paths of the others."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from app.protocol.tools import Tool, read_function, read_tools


def function(item: dict[str, Any]) -> Tool | None:
    return read_function(item) if "name" in item else None


@pytest.mark.parametrize(
    "part",
    [{"description": "a\ue0ffb"}, {"parameters": {"type": "object", "title": "\ue0ff"}}],
)
def test_a_reserved_character_has_its_tools_own_path(part: dict[str, Any]) -> None:
    tools = [{"kind": "web"}, {"name": "f"}, {"name": "f"}, {"name": "g", **part}]
    with pytest.raises(ValidationError) as caught:
        read_tools(tools, function, name_path=("name",))
    assert caught.value.messages == {3: ["U+E0FF is a private character this server reserves"]}


def test_those_of_other_kinds_and_copies_are_left_out() -> None:
    tools = [{"kind": "web"}, {"name": "f"}, {"name": "f"}, {"name": "g"}]
    found = read_tools(tools, function, name_path=("name",))
    assert [tool.name for tool in found] == ["f", "g"]
