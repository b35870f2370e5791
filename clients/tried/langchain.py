"""LangChain: a chat whole and streamed, tools offered and demanded, embeddings, an overflow."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from langchain_core.exceptions import ContextOverflowError  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: E402
from openai import BadRequestError  # noqa: E402

address = sys.argv[1]
server = {"base_url": f"{address}/v1", "api_key": "none", "model": "model"}


@tool
def weather(city: str) -> str:
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
try:
    chat.bind_tools([weather], tool_choice="required").invoke("Hello!")
    raise AssertionError("tool_choice required was not refused")
except BadRequestError as error:
    assert error.param == "tool_choice", error
found.append("tools: answered in text, refused where they are demanded")

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
