"""instructor: an object that keeps to a pydantic model, in three modes, and in a stream."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
import instructor  # noqa: E402
from openai import OpenAI  # noqa: E402
from pydantic import BaseModel, ConfigDict, Field  # noqa: E402

address = sys.argv[1]


class City(BaseModel):
    """What is asked for, and nothing else: a small model would go on for ever."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=20)]
    is_capital: bool


class Anything(BaseModel):
    """Of Mode.JSON only the syntax is certain: which names a small model chooses is not."""

    model_config = ConfigDict(extra="allow")


MODES = {
    instructor.Mode.TOOLS: City,
    instructor.Mode.JSON: Anything,
    instructor.Mode.JSON_SCHEMA: City,
}

client = OpenAI(base_url=f"{address}/v1", api_key="none")
fields: Any = {
    "model": "model",
    "messages": [{"role": "user", "content": "Which city is the capital of France?"}],
    "max_retries": 0,
    "temperature": 0,
    "max_tokens": 200,
}
found = []
for mode, shape in MODES.items():
    asking = instructor.from_openai(client, mode=mode).chat.completions
    answer = asking.create(response_model=shape, **fields)
    assert isinstance(answer, shape)
    if isinstance(answer, City):
        assert answer.name
    if mode is instructor.Mode.TOOLS:
        *_, last = asking.create_partial(response_model=City, **fields)
        assert last.name
    found.append(f"{mode}: {answer.name}" if isinstance(answer, City) else f"{mode}: JSON")
print(json.dumps({"found": found}, ensure_ascii=False))
