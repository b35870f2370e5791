"""What real clients send about tools and objects, as their sources or their traffic show it.

Knows nothing about answers. Each request says what its client then wants to read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

MODEL = "chinese-llama-alpaca"
_STREAM = {"stream": True, "stream_options": {"include_usage": True}}
_SYSTEM = {"role": "system", "content": "简短回答。"}
_USER = {"role": "user", "content": "杭州"}
#: As pydantic writes them; of bounded length, so that any model ends.
_CITY = {"title": "City", "type": "string", "maxLength": 4}
_CAPITAL = {"title": "Is Capital", "type": "boolean"}
_PROPERTIES = {"city": _CITY, "is_capital": _CAPITAL}
SCHEMA = {"properties": _PROPERTIES, "required": ["city", "is_capital"], "type": "object"}
_TITLED = {**SCHEMA, "title": "City"}
_CLOSED = {**_TITLED, "additionalProperties": False}
_DRAFT = "http://json-schema.org/draft-07/schema#"


def _tool(name: str, parameters: dict[str, Any], description: str = "", **fields: Any) -> Any:
    function = {"name": name, "description": description, "parameters": parameters, **fields}
    return {"type": "function", "function": function}


def _named(name: str) -> Any:
    return {"type": "function", "function": {"name": name}}


def _json_schema(name: str, schema: dict[str, Any], **fields: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **fields}}


def _called(content: str | None, **fields: Any) -> Any:
    function = {"name": "City", "arguments": '{"city": "杭州", "is_capital": false}'}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": content, "tool_calls": [call], **fields}


_RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "晴"}
_CITY_TOOL = _tool("City", _TITLED, "Cities")


@dataclass(frozen=True)
class Asked:
    """One chat request. Its client reads a call of `tool`, or else JSON that keeps to SCHEMA."""

    client: str
    fields: dict[str, Any]
    tool: str | None = None
    text: bool = False  #: a text will do: nothing is demanded
    ignored: str | None = None
    messages: list[Any] = field(default_factory=lambda: [_SYSTEM, _USER])

    @property
    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return {"model": MODEL, "messages": self.messages, **self.fields}

    def __str__(self) -> str:
        return self.client.replace(" ", "_")


_LANGCHAIN = {"stream": False, "temperature": 0.0}
_AI_SDK_TOOL = _tool("City", {"$schema": _DRAFT, **_CLOSED}, "Cities")
_AI_SDK_TEXT = {"role": "user", "content": [{"type": "text", "text": "杭州"}]}
_INSTRUCTOR = "Correctly extracted `City` with all the required parameters with correct types"

ASKED = (
    Asked("LangChain bind_tools", {**_LANGCHAIN, "tools": [_CITY_TOOL]}, "City", text=True),
    Asked(
        "LangChain bind_tools any",
        {**_LANGCHAIN, "tools": [_CITY_TOOL], "tool_choice": "required"},
        "City",
    ),
    Asked(
        "LangChain with_structured_output function_calling",
        {
            **_LANGCHAIN,
            "tools": [_CITY_TOOL],
            "tool_choice": _named("City"),
            "parallel_tool_calls": False,
        },
        "City",
    ),
    Asked(
        "LangChain with_structured_output function_calling strict",
        {
            **_LANGCHAIN,
            "tools": [_tool("City", _CLOSED, strict=True)],
            "tool_choice": _named("City"),
            "parallel_tool_calls": False,
        },
        "City",
    ),
    Asked(
        "LangChain with_structured_output json_schema",
        {"temperature": 0.0, "response_format": _json_schema("City", _CLOSED, strict=True)},
    ),
    Asked(
        "LangChain with_structured_output json_mode",
        {**_LANGCHAIN, "response_format": {"type": "json_object"}},
    ),
    Asked(
        "LangChain agent second turn streamed",
        {**_STREAM, "tools": [_CITY_TOOL], "temperature": 0.0},
        "City",
        text=True,
        messages=[_USER, _called(None), _RESULT],
    ),
    Asked(
        "pydantic-ai tool output",
        {
            "stream": False,
            "tools": [_tool("final_result", _TITLED, "The final response which ends this")],
            "tool_choice": "required",
        },
        "final_result",
    ),
    Asked(
        "pydantic-ai tool output strict streamed",
        {
            **_STREAM,
            "tools": [_tool("final_result", _CLOSED, strict=True)],
            "tool_choice": "required",
        },
        "final_result",
    ),
    Asked(
        "pydantic-ai tools and text",
        {"stream": False, "tools": [_CITY_TOOL], "tool_choice": "auto"},
        "City",
        text=True,
        messages=[_USER, {**_called(None), "content": None}, _RESULT],
    ),
    Asked(
        "instructor TOOLS",
        {"tools": [_tool("City", SCHEMA, _INSTRUCTOR)], "tool_choice": _named("City")},
        "City",
    ),
    Asked(
        "instructor TOOLS asks again",
        {"tools": [_tool("City", SCHEMA, _INSTRUCTOR)], "tool_choice": _named("City")},
        "City",
        messages=[_USER, _called(""), {**_RESULT, "name": "City"}],
    ),
    Asked("instructor JSON", {"response_format": {"type": "json_object"}}),
    Asked("instructor JSON_SCHEMA", {"response_format": _json_schema("City", _CLOSED)}),
    Asked(
        "AI SDK tools",
        {"temperature": 0, "tools": [_AI_SDK_TOOL], "tool_choice": "required"},
        "City",
        messages=[_SYSTEM, _AI_SDK_TEXT],
    ),
    Asked(
        "AI SDK tools second step streamed",
        {**_STREAM, "tools": [_AI_SDK_TOOL], "tool_choice": "auto"},
        "City",
        text=True,
        messages=[_AI_SDK_TEXT, _called(""), _RESULT],
    ),
    Asked(
        "AI SDK generateObject",
        {"response_format": {"type": "json_object"}},
        messages=[_SYSTEM, _AI_SDK_TEXT],
    ),
    Asked(
        "AI SDK generateObject structured",
        {"response_format": _json_schema("response", {"$schema": _DRAFT, **_CLOSED}, strict=True)},
        messages=[_SYSTEM, _AI_SDK_TEXT],
    ),
)


def many_tools(count: int = 36, characters: int = 27_600) -> list[Any]:
    """As many as Open WebUI offers with every message, about `characters` of JSON together: 6,900
    tokens of a Llama tokenizer."""
    tools = [_CITY_TOOL]
    for number in range(1, count):
        query = {"type": "string", "description": f"What to look for in the notes of {number}"}
        limit = {"type": "integer", "description": "Most results", "default": 5}
        parameters = {"type": "object", "properties": {"query": query, "count": limit}}
        tools.append(_tool(f"search_{number}", {**parameters, "required": ["query"]}))
    length = (characters - len(json.dumps(tools))) // (count - 1)
    text = "Search the notes of the user and return what is like the query. " * 20
    for tool in tools[1:]:
        tool["function"]["description"] = text[:length]
    return tools


OPEN_WEBUI = Asked("Open WebUI", {**_STREAM, "tools": many_tools()}, "City", text=True)
#: Its loop sends back what it put together of the stream, with the calls' index.
_STREAMED_CALL = {**_called("")["tool_calls"][0], "index": 0}
OPEN_WEBUI_SECOND_TURN = Asked(
    "Open WebUI after a call",
    {**_STREAM, "tools": many_tools()},
    "City",
    text=True,
    ignored="messages.1.tool_calls.0.index",
    messages=[_USER, {**_called(""), "tool_calls": [_STREAMED_CALL]}, _RESULT],
)
