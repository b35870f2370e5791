"""What real clients send, as their sources or their traffic show it.

Knows nothing about answers. Only what is particular to a client is here, with values of our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_USER = {"role": "user", "content": "你好"}
_SYSTEM = {"role": "system", "content": "简短回答。"}
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_FUNCTION = {"name": "weather", "description": "of a city", "parameters": _PARAMETERS}
_TOOL = {"type": "function", "function": _FUNCTION}
_OBJECT = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"


@dataclass(frozen=True)
class Sent:
    """One request, and what the answer's header names of it."""

    client: str
    path: str
    body: dict[str, Any]
    ignored: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.client.replace(" ", "_")


def _chat(**fields: Any) -> dict[str, Any]:
    return {"model": "chinese-llama-alpaca", "messages": [_SYSTEM, _USER], **fields}


_STREAM = {"stream": True, "stream_options": {"include_usage": True}}
_CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    ],
}

SENT = (
    Sent("Open WebUI first message", CHAT, _chat(**_STREAM)),
    Sent(
        "Open WebUI with its own tools",
        CHAT,
        _chat(**_STREAM, tools=[_TOOL] * 3, metadata={"chat_id": "x"}, temperature=0.8),
        None,
        {"Authorization": "Bearer none", "X-OpenWebUI-User-Name": "a"},
    ),
    Sent("Open WebUI title", CHAT, _chat(stream=False, max_tokens=1000)),
    Sent(
        "Open WebUI continues",
        CHAT,
        {
            "model": "chinese-llama-alpaca",
            "messages": [_USER, {"role": "assistant", "content": "你"}],
            "continue_final_message": True,
            "add_generation_prompt": False,
            **_STREAM,
        },
    ),
    Sent(
        "LangChain chat", CHAT, _chat(stream=False, max_completion_tokens=32_000, temperature=0.0)
    ),
    Sent("LangChain tools", CHAT, _chat(stream=False, tools=[_TOOL])),
    Sent(
        "LangChain history of tools",
        CHAT,
        {
            "messages": [
                {"content": "天气", "role": "user"},
                {**_CALLED, "content": None},
                {"content": "晴", "role": "tool", "tool_call_id": "c1"},
            ],
            "tools": [_TOOL],
            "parallel_tool_calls": False,
        },
    ),
    Sent(
        "LangChain json_schema",
        CHAT,
        _chat(
            response_format={
                "type": "json_schema",
                "json_schema": {
                    "name": "P",
                    "description": "d",
                    "strict": True,
                    "schema": {**_OBJECT, "additionalProperties": False, "title": "P"},
                },
            }
        ),
    ),
    Sent(
        "LangChain embeddings with the setting",
        EMBEDDINGS,
        {"model": "chinese-llama-alpaca", "input": ["一", "二"], "encoding_format": "base64"},
    ),
    Sent(
        "instructor JSON_SCHEMA",
        CHAT,
        _chat(
            max_tokens=200,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "C", "schema": _OBJECT},
            },
        ),
    ),
    Sent(
        "together and llama.cpp's json_object",
        CHAT,
        _chat(response_format={"type": "json_object", "schema": _OBJECT}),
    ),
    Sent("pydantic-ai", CHAT, _chat(**_STREAM, max_completion_tokens=60, temperature=0)),
    Sent(
        "pydantic-ai with tools",
        CHAT,
        _chat(stream=False, tool_choice="auto", tools=[{**_TOOL, "strict": True}]),
        "tools.0.strict",
    ),
    Sent("LlamaIndex", CHAT, _chat(stream=False, temperature=0.1, max_tokens=256)),
    Sent(
        "LlamaIndex completion",
        COMPLETIONS,
        {"model": "chinese-llama-alpaca", "prompt": "西湖", "temperature": 0.1, "stream": False},
    ),
    Sent(
        "AI SDK streamText",
        CHAT,
        _chat(
            **_STREAM,
            max_tokens=64,
            temperature=0,
            tools=[_TOOL],
            tool_choice="auto",
            messages=[{"role": "user", "content": [{"type": "text", "text": "你好"}]}],
        ),
    ),
    Sent(
        "Cherry Studio",
        "/v1//chat/completions",
        _chat(
            **_STREAM,
            temperature=1,
            top_p=1,
            max_tokens=None,
            messages=[{"role": "user", "content": [{"type": "text", "text": "你好"}]}],
        ),
        None,
        {"Authorization": "Bearer none", "X-Api-Key": "none", "HTTP-Referer": "https://c.example"},
    ),
    Sent(
        "Dify",
        CHAT,
        _chat(
            stream=True, max_tokens=512, temperature=0.7, top_p=1, presence_penalty=0.0, user="abc"
        ),
    ),
    Sent("Dify's check of a new model", CHAT, _chat(stream=False, max_tokens=5.0, stop=[])),
    Sent(
        "vLLM's benchmark",
        COMPLETIONS,
        {
            "model": "chinese-llama-alpaca",
            "prompt": "西湖",
            "repetition_penalty": 1.0,
            "max_tokens": 12,
            "logprobs": None,
            "ignore_eos": True,
            **_STREAM,
        },
        None,
        {"x-request-id": "benchmark-0"},
    ),
    Sent(
        "lm-eval by ids",
        COMPLETIONS,
        {
            "model": "chinese-llama-alpaca",
            "prompt": [[1, 100, 101, 102]],
            "temperature": 0,
            "max_tokens": 1,
            "logprobs": 1,
            "seed": 1234,
            "echo": True,
        },
    ),
    Sent(
        "lm-eval generates",
        COMPLETIONS,
        {
            "prompt": [[1, 100, 101]],
            "model": "chinese-llama-alpaca",
            "max_tokens": 256,
            "temperature": 0,
            "stop": ["\n\n", "</s>"],
            "seed": 1234,
        },
    ),
    Sent("a base URL without /v1", "/chat/completions", _chat(max_tokens=-1, top_k=-1, stop="")),
    Sent(
        "llama.cpp's own page",
        CHAT,
        _chat(
            **_STREAM,
            cache_prompt=True,
            reasoning_format="auto",
            return_progress=True,
            timings_per_token=True,
            xtc_probability=0,
            dry_multiplier=0,
            typical_p=1,
            max_tokens=-1,
        ),
        "cache_prompt, timings_per_token",
    ),
    Sent(
        "a history with a refusal",
        CHAT,
        _chat(messages=[_USER, {"role": "assistant", "content": None, "refusal": "不"}, _USER]),
    ),
    Sent(
        "Anthropic's cache marks by way of OpenAI's shape",
        CHAT,
        _chat(
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
                    ],
                }
            ]
        ),
        "messages.0.content.0.cache_control",
    ),
)
