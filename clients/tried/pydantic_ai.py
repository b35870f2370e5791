"""pydantic-ai: a text and an object, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from pydantic import BaseModel  # noqa: E402
from pydantic_ai import Agent, NativeOutput  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

address = sys.argv[1]


class City(BaseModel):
    """What is asked for."""

    name: str


model = OpenAIChatModel("model", provider=OpenAIProvider(base_url=f"{address}/v1", api_key="none"))
settings = {"temperature": 0, "max_tokens": 60}
question = "Which city is the capital of France?"
text = Agent(model, model_settings=settings).run_sync(question).output
assert text


async def streamed() -> str:
    """The same, in pieces."""
    async with Agent(model, model_settings=settings).run_stream(question) as result:
        return await result.get_output()


assert asyncio.run(streamed()) == text
city = Agent(model, output_type=NativeOutput(City), model_settings=settings).run_sync(question)
assert city.output.name
found = ["text, streamed the same", f"NativeOutput: {city.output.name}"]
print(json.dumps({"found": found}, ensure_ascii=False))
