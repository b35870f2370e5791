"""LangChain: a chat whole and streamed, tools, objects, an agent, embeddings, an overflow."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from langchain.agents import create_agent  # noqa: E402
from langchain.agents.middleware import wrap_model_call  # noqa: E402
from langchain_core.exceptions import ContextOverflowError  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: E402
from pydantic import BaseModel, ConfigDict, Field  # noqa: E402

address = sys.argv[1]
server = {"base_url": f"{address}/v1", "api_key": "none", "model": "model"}


@tool
def weather(city: Annotated[str, Field(max_length=20)]) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


chat = ChatOpenAI(**server, temperature=0, max_tokens=32_000)
question = "What is the capital of France? Answer in one sentence."
whole = chat.invoke(question)
assert whole.content and whole.usage_metadata["output_tokens"] > 0
assert "".join(chunk.content for chunk in chat.stream(question)) == whole.content
found = [f'chat: "{whole.content[:40]}", streamed the same']

answer = chat.bind_tools([weather]).invoke("Hello!")
assert answer.content and not answer.tool_calls
once = {"strict": True, "parallel_tool_calls": False}
required = chat.bind_tools([weather], tool_choice="required", **once)
(call,) = required.invoke("What is the weather in Paris?").tool_calls
assert call["name"] == "weather" and set(call["args"]) == {"city"}
found.append("tools: free to choose, answered in text; where they are demanded, called")

streamed = None
for chunk in required.stream("What is the weather in Paris?"):
    streamed = chunk if streamed is None else streamed + chunk
assert streamed is not None and streamed.tool_calls[0]["args"] == call["args"]


class Capital(BaseModel):
    """The capital of a country."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=20)]
    is_large: bool


asked = 'The capital of France, as JSON with "name" and "is_large".'
brief = ChatOpenAI(**server, temperature=0, max_tokens=200)
for fields in (
    {"method": "function_calling"},
    {"method": "function_calling", "strict": True},
    {"method": "json_schema"},
):
    capital = brief.with_structured_output(Capital, **fields).invoke(asked)
    assert isinstance(capital, Capital) and capital.name
# Of json_mode only the syntax is certain.
raw = brief.with_structured_output(None, method="json_mode", include_raw=True).invoke(asked)
assert isinstance(raw["parsed"], dict) and raw["parsing_error"] is None
found.append("with_structured_output in its three methods, function_calling also strict")


@wrap_model_call
def call_once(request: Any, handler: Any) -> Any:
    """A small model is made to call in its first turn, and to answer in its second."""
    first = request.messages[-1].type == "human"
    choice = {"type": "function", "function": {"name": "weather"}} if first else "none"
    return handler(request.override(tool_choice=choice, model_settings=once))


agent = create_agent(brief, [weather], middleware=[call_once])
turns = agent.invoke({"messages": [("user", "What is the weather in Paris?")]})["messages"]
assert [turn.type for turn in turns] == ["human", "ai", "tool", "ai"]
assert turns[2].content.startswith("sunny in") and turns[3].content
found.append("create_agent: a call, its result, an answer")

vectors = OpenAIEmbeddings(**server, check_embedding_ctx_length=False).embed_documents(
    ["今天天气真不错", "The weather is fine today"]
)
assert len(vectors) == 2
assert all(abs(math.hypot(*vector) - 1) < 1e-3 for vector in vectors)
found.append("embeddings with check_embedding_ctx_length=False")

try:
    chat.invoke("west lake " * 20_000)
    raise AssertionError("an endless prompt was not refused")
except ContextOverflowError:
    found.append("a prompt too long is a ContextOverflowError")
print(json.dumps({"found": found}, ensure_ascii=False))
