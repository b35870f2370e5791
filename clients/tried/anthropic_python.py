"""anthropic for Python: a loop of three turns with tools, whole and streamed; its own tool runner,
parsed output, counted tokens and the list of models."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from anthropic import Anthropic, beta_tool
from pydantic import BaseModel, Field

client = Anthropic(base_url=sys.argv[1], api_key="none", max_retries=0)


class Weather(BaseModel):
    """The weather of a city."""

    city: Annotated[str, Field(max_length=20)]
    unit: Literal["celsius", "fahrenheit"]


schema = {**Weather.model_json_schema(), "additionalProperties": False}
tools: Any = [
    {"name": "weather", "description": "The weather of a city", "input_schema": schema},
    {"type": "web_search_20260318", "name": "web_search"},
]
fields: Any = {"model": "model", "max_tokens": 200, "extra_body": {"temperature": 0}}
question: Any = {"role": "user", "content": "Is it warm in Paris, and in Rome?"}


def created(**turn: Any) -> Any:
    """A whole answer."""
    return client.messages.create(**fields, tools=tools, **turn)


def streamed(**turn: Any) -> Any:
    """The same, put together of a stream."""
    with client.messages.stream(**fields, tools=tools, **turn) as stream:
        return stream.get_final_message()


def loop(ask: Any) -> list[str]:
    """Two turns that must call, and a last one that must not; what the answers say."""
    messages: list[Any] = [question]
    texts = []
    one_call = {"disable_parallel_tool_use": True}
    for choice in ({"type": "any", **one_call}, {"type": "tool", "name": "weather"}, None):
        answer = ask(messages=messages, tool_choice=choice or {"type": "none"})
        messages.append(answer.to_param())
        if choice is None:
            assert answer.stop_reason in ("end_turn", "max_tokens")
            return [*texts, answer.content[0].text]
        assert answer.stop_reason == "tool_use"
        (call,) = (block for block in answer.content if block.type == "tool_use")
        Weather.model_validate(call.input)
        texts.append(json.dumps(call.input))
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees, sunny"}
        messages.append({"role": "user", "content": [result]})
    raise AssertionError("unreachable")


whole = loop(created)
assert all(whole) and loop(streamed) == whole

cities = []


@beta_tool
def weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    cities.append(city)
    return "21 degrees"


runner = client.beta.messages.tool_runner(
    **fields,
    messages=[question],
    tools=[weather],
    tool_choice={"type": "tool", "name": "weather"},
    max_iterations=1,
)
next(iter(runner))
runner.generate_tool_call_response()
assert len(cities) == 1

output: Any = {"type": "json_schema", "schema": schema}
parsed = client.messages.create(**fields, messages=[question], output_config={"format": output})
Weather.model_validate_json(parsed.content[0].text)

counted = client.messages.count_tokens(model="model", messages=[question], tools=tools)
assert (
    counted.input_tokens
    > client.messages.count_tokens(model="model", messages=[question]).input_tokens
)
assert [model.id for model in client.models.list()] == ["model"]
found = [
    "tools in a loop of three turns, whole and streamed: the same; tool_runner",
    "output_config.format: JSON",
    "count_tokens; its list of models",
]
print(json.dumps({"found": found}))
