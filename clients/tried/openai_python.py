"""openai for Python: a loop of three turns with tools, whole, parsed and streamed, with chats and
with responses."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel, Field

address = sys.argv[1]
client = OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


class Weather(BaseModel):
    """The weather of a city."""

    city: Annotated[str, Field(max_length=20)]
    unit: Literal["celsius", "fahrenheit"]


tools: Any = [pydantic_function_tool(Weather)]
fields: Any = {"model": "model", "tools": tools, "temperature": 0, "max_tokens": 100}


def created(**turn: Any) -> Any:
    """A whole answer."""
    return client.chat.completions.create(**fields, **turn).choices[0]


def parsed(**turn: Any) -> Any:
    """A whole answer, with arguments as objects."""
    return client.chat.completions.parse(**fields, **turn).choices[0]


def streamed(**turn: Any) -> Any:
    """The same, put together of a stream."""
    with client.chat.completions.stream(**fields, **turn) as stream:
        return stream.get_final_completion().choices[0]


def loop(ask: Any) -> list[str]:
    """Two turns that must call, and a last one that must not; the texts of the answers."""
    messages: list[Any] = [{"role": "user", "content": "Is it warm in Paris, and in Rome?"}]
    texts = []
    for choice in ("required", {"type": "function", "function": {"name": "Weather"}}, "none"):
        answer = ask(messages=messages, tool_choice=choice, parallel_tool_calls=False)
        messages.append(answer.message)
        if choice == "none":
            assert answer.finish_reason in ("stop", "length") and not answer.message.tool_calls
            return [*texts, answer.message.content]
        assert answer.finish_reason == "tool_calls" and answer.message.content is None
        (call,) = answer.message.tool_calls
        Weather.model_validate_json(call.function.arguments)
        if ask is not created:
            assert isinstance(call.function.parsed_arguments, Weather)
        texts.append(call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees, sunny"})
    raise AssertionError("unreachable")


whole = loop(created)
assert all(whole)
assert loop(parsed) == whole and loop(streamed) == whole

flat: Any = {"type": "function", **tools[0]["function"]}
options: Any = {"model": "model", "temperature": 0, "max_output_tokens": 100}


def response_created(**turn: Any) -> Any:
    """A whole response."""
    return client.responses.create(**options, tools=[flat], **turn)


def response_parsed(**turn: Any) -> Any:
    """A whole response, with arguments as objects."""
    return client.responses.parse(**options, tools=tools, **turn)


def response_streamed(**turn: Any) -> Any:
    """The same, put together of a stream's events."""
    with client.responses.stream(**options, tools=tools, **turn) as stream:
        return stream.get_final_response()


def response_loop(ask: Any) -> list[str]:
    """As `loop`, with items."""
    items: list[Any] = [{"role": "user", "content": "Is it warm in Paris, and in Rome?"}]
    texts = []
    for choice in ("required", {"type": "function", "name": "Weather"}, "none"):
        answer = ask(input=items, tool_choice=choice, parallel_tool_calls=False)
        items += answer.output
        if choice == "none":
            return [*texts, answer.output_text]
        (call,) = answer.output
        Weather.model_validate_json(call.arguments)
        if ask is not response_created:
            assert isinstance(call.parsed_arguments, Weather)
        texts.append(call.arguments)
        done = {"type": "function_call_output", "call_id": call.call_id}
        items.append({**done, "output": "21 degrees, sunny"})
    raise AssertionError("unreachable")


responses = response_loop(response_created)
assert all(responses)
assert response_loop(response_parsed) == responses
assert response_loop(response_streamed) == responses
where = client.responses.parse(**options, input="Where is it warm?", text_format=Weather)
assert isinstance(where.output_parsed, Weather)
found = ["tools in a loop of three turns, whole, by parse and streamed: the same"]
found.append("the same with responses; responses.parse(text_format)")
print(json.dumps({"found": found}))
