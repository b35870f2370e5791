"""pydantic-ai: a text whole and streamed, objects by schema and by tool, and a tool of ours, with
chats and with its default, responses."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from pydantic import BaseModel, ConfigDict, Field  # noqa: E402
from pydantic_ai import Agent, NativeOutput, ToolOutput  # noqa: E402
from pydantic_ai.models import Model  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402
from pydantic_ai.settings import ModelSettings  # noqa: E402

address = sys.argv[1]


class City(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=20)]


provider = OpenAIProvider(base_url=f"{address}/v1", api_key="none")
question = "Which city is the capital of France?"


def weather(city: Annotated[str, Field(max_length=20)]) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def streamed(agent: Agent[None, Any]) -> Any:
    """The answer in pieces, put together."""
    async with agent.run_stream(question) as result:
        return await result.get_output()


def tried(model: Model) -> list[str]:
    """What works with a model."""
    settings = ModelSettings(temperature=0, max_tokens=60)
    once = ModelSettings(temperature=0, max_tokens=60, parallel_tool_calls=False)
    plain: Agent[None, Any] = Agent(model, model_settings=settings)
    text = plain.run_sync(question).output
    assert text and asyncio.run(streamed(plain)) == text
    city = Agent(model, output_type=NativeOutput(City), model_settings=settings).run_sync(question)
    assert city.output.name
    agent: Agent[None, Any] = Agent(model, output_type=ToolOutput(City), model_settings=once)
    by_tool = agent.run_sync(question)
    assert by_tool.output.name and asyncio.run(streamed(agent)) == by_tool.output
    # A second turn sends the first one's items back.
    second = agent.run_sync("And of Italy?", message_history=by_tool.all_messages())
    assert second.output.name
    free = Agent(model, tools=[weather], model_settings=settings).run_sync("Hello!")
    assert free.output
    found = ["text, streamed the same", f"NativeOutput: {city.output.name}"]
    by = f"ToolOutput: {by_tool.output.name}, streamed the same, and in a second turn"
    return [*found, by, "a tool beside a text"]


found = tried(OpenAIChatModel("model", provider=provider))
assert tried(OpenAIResponsesModel("model", provider=provider))
found.append("all of it with responses")
print(json.dumps({"found": found}, ensure_ascii=False))
