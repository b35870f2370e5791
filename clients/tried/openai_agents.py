"""openai-agents with its default, responses: a text, a tool in a loop, an object, a session."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

from agents import (
    Agent,
    ModelSettings,
    Runner,
    function_tool,
    set_default_openai_client,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel, ConfigDict, Field

address = sys.argv[1]
set_default_openai_client(AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0))
set_tracing_disabled(True)


class City(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=20)]


asked: list[str] = []


@function_tool
def weather(city: Annotated[str, Field(max_length=20)]) -> str:
    """The weather of a city."""
    asked.append(city)
    return "21 degrees, sunny"


async def main() -> list[str]:
    """What works."""
    settings = ModelSettings(temperature=0, max_tokens=400)
    must = ModelSettings(
        temperature=0, max_tokens=400, tool_choice="weather", parallel_tool_calls=False
    )
    plain = Agent("plain", instructions="Be brief.", model="model", model_settings=settings)
    text = await Runner.run(plain, "Which city is the capital of France?")
    assert text.final_output
    stream = Runner.run_streamed(plain, "Which city is the capital of France?")
    kinds = [event.type async for event in stream.stream_events()]
    assert stream.final_output == text.final_output and "raw_response_event" in kinds
    again = await Runner.run(
        plain, [*text.to_input_list(), {"role": "user", "content": "Of Italy?"}]
    )
    assert again.final_output
    # It sets the choice back after a call, so the second turn answers.
    caller = Agent("caller", model="model", tools=[weather], model_settings=must)
    called = await Runner.run(caller, "Is it warm in Paris?")
    assert len(asked) == 1 and called.final_output
    typed = Agent("typed", model="model", output_type=City, model_settings=settings)
    city = await Runner.run(typed, "Which city is the capital of France?")
    found = ["text, streamed the same, and a second turn", "a tool in a loop"]
    return [*found, f"output_type: {city.final_output.name}"]


print(json.dumps({"found": asyncio.run(main())}, ensure_ascii=False))
