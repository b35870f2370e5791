"""instructor: an object that keeps to a pydantic model, by response_format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
import instructor  # noqa: E402
from openai import OpenAI  # noqa: E402
from pydantic import BaseModel, ConfigDict  # noqa: E402

address = sys.argv[1]


class City(BaseModel):
    """What is asked for, and nothing else: a small model would go on for ever."""

    model_config = ConfigDict(extra="forbid")

    name: str
    is_capital: bool


client = OpenAI(base_url=f"{address}/v1", api_key="none")
asking = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)
city = asking.chat.completions.create(
    model="model",
    messages=[{"role": "user", "content": "Which city is the capital of France?"}],
    response_model=City,
    max_retries=0,
    temperature=0,
    max_tokens=200,
)
assert isinstance(city, City) and city.name
print(json.dumps({"found": [f"Mode.JSON_SCHEMA: {city.name}"]}, ensure_ascii=False))
