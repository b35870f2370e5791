"""LlamaIndex's OpenAILike: a chat whole and streamed, and a completion."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# This file has a package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from llama_index.core.llms import ChatMessage  # noqa: E402
from llama_index.llms.openai_like import OpenAILike  # noqa: E402

address = sys.argv[1]
server = {"model": "model", "api_base": f"{address}/v1", "api_key": "none", "temperature": 0}
chat = OpenAILike(**server, is_chat_model=True, max_tokens=60, context_window=8192)
turns = [ChatMessage(role="user", content="What is the capital of France?")]
whole = chat.chat(turns).message.content
assert whole
assert "".join(piece.delta or "" for piece in chat.stream_chat(turns)) == whole
text = OpenAILike(**server, is_chat_model=False, max_tokens=20).complete("The lake is").text
assert text
found = ["chat, streamed the same", "completion with is_chat_model=False"]
print(json.dumps({"found": found}, ensure_ascii=False))
