"""The response object of /v1/responses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import shortuuid

from app.api.responses.request import ResponsesRequest
from app.generation.results import Usage
from app.generation.text_engine import TextEngine
from app.protocol.tools import Tool


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What is the same from the first event to the last."""

    id: str
    created_at: int  #: Unix seconds
    model: str
    fields: Mapping[str, object]  #: of the request, as it is understood

    def body(
        self,
        status: str,
        output: list[dict[str, object]],
        *,
        usage: Usage | None = None,
        incomplete: str | None = None,
        error: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """A response. status: "in_progress", "completed", "incomplete" or "failed"; incomplete:
        the reason; error: with code and message."""
        done = {"completed_at": int(time.time())} if status == "completed" else {}
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            **done,
            "error": error,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "model": self.model,
            "output": output,
            "usage": usage and usage_body(usage),
            **self.fields,
        }


def new_response_head(
    data: Mapping[str, object], request: ResponsesRequest, engine: TextEngine
) -> ResponseHead:
    """With a fresh id. data: the request's JSON."""
    generation = request.text.generation
    text = data.get("text")
    return ResponseHead(
        f"resp_{shortuuid.uuid()}",
        int(time.time()),
        engine.served.name_of(request.text.model),
        {
            "background": False,
            "instructions": data.get("instructions"),
            "max_output_tokens": generation.max_tokens,
            "metadata": data.get("metadata") or {},
            "parallel_tool_calls": data.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "reasoning": {"effort": request.reasoning.effort, "summary": request.reasoning.summary},
            "store": False,
            "temperature": generation.params.temperature,
            "text": {"format": {"type": "text"}, **_given(text if isinstance(text, dict) else {})},
            "tool_choice": data.get("tool_choice") or "auto",
            "tools": [_tool(tool) for tool in request.tools],
            "top_logprobs": request.top_logprobs,
            "top_p": generation.params.top_p,
            "truncation": "auto" if request.truncate else "disabled",
            "user": data.get("user"),
        },
    )


def usage_body(usage: Usage) -> dict[str, object]:
    """`usage`; writes to the cache cost nothing here."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _given(text: Mapping[str, object]) -> dict[str, object]:
    """What the request says of its text's format."""
    return {"format": text["format"]} if text.get("format") else {}


def _tool(tool: Tool) -> dict[str, object]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
