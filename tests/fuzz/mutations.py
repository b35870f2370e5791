"""Right requests made wrong: values, keys and bytes changed at random places.

Knows nothing about what the server should say to them.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

SEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/completions", {"prompt": "你好", "max_tokens": 5}),
    (
        "/v1/completions",
        {
            "prompt": ["a", "b"],
            "n": 2,
            "best_of": 3,
            "logprobs": 2,
            "echo": True,
            "stop": ["x", "。"],
            "logit_bias": {"5": -100},
            "temperature": 0.7,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.1,
            "seed": 7,
        },
    ),
    ("/v1/completions", {"prompt": [[5, 6], [7]], "num_beams": 4, "stream": True}),
    (
        "/v1/completions",
        {
            "prompt": "a",
            "structured_outputs": {"choice": ["a", "杭州"]},
            "min_tokens": 1,
            "stop_token_ids": [5],
        },
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "text", "text": "你好"}]},
            ],
            "logprobs": True,
            "top_logprobs": 3,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    ),
    ("/v1/chat/completions", {"messages": [{"role": "user", "message": "a"}], "user": "u"}),
    (
        "/v1/chat/completions",
        {
            "messages": "a",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}},
            },
        },
    ),
    ("/v1/responses", {"input": "你好", "max_output_tokens": 5, "instructions": "s"}),
    (
        "/v1/responses",
        {
            "input": [
                {"role": "developer", "content": [{"type": "input_text", "text": "s"}]},
                {"type": "message", "role": "user", "content": "a"},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "d"},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "mcp"}],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}],
            },
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
            "reasoning": {"effort": "low", "summary": "auto"},
            "include": ["message.output_text.logprobs"],
            "top_logprobs": 3,
            "metadata": {"a": "b"},
            "truncation": "auto",
            "parallel_tool_calls": False,
            "stream": True,
        },
    ),
    ("/v1/responses/input_tokens", {"input": [{"role": "user", "content": "a"}], "tools": []}),
    ("/v1/messages", {"messages": [{"role": "user", "content": "a"}], "max_tokens": 5}),
    (
        "/v1/messages",
        {
            "max_tokens": 9,
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "b", "signature": "c"},
                        {"type": "text", "text": "d"},
                        {"type": "tool_use", "id": "e", "name": "f", "input": {"g": [1, None]}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "e",
                            "content": [{"type": "text", "text": "h"}],
                            "is_error": True,
                        }
                    ],
                },
                {"role": "system", "content": "i"},
            ],
            "tools": [
                {"name": "f", "input_schema": {"type": "object"}, "strict": False},
                {"type": "web_search_20260318", "name": "web_search"},
            ],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "stop_sequences": ["x", "。"],
            "temperature": 0.7,
            "top_k": 5,
            "stream": True,
        },
    ),
    (
        "/v1/messages",
        {
            "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "max_tokens": 5,
            "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "summarized"},
            "output_config": {
                "effort": "low",
                "format": {"type": "json_schema", "schema": {"type": "object"}},
            },
            "metadata": {"user_id": "u"},
        },
    ),
    (
        "/v1/messages/count_tokens",
        {
            "messages": [{"role": "user", "content": "a"}],
            "system": "s",
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "f"},
        },
    ),
    ("/v1/embeddings", {"input": ["a", "b"], "encoding_format": "base64", "dimensions": 4}),
    ("/tokenize", {"messages": [{"role": "user", "content": "a"}]}),
    ("/detokenize", {"tokens": [1, 300, 5]}),
)
#: Numbers at every border that the fields have, and texts that have broken other servers.
VALUES: tuple[Any, ...] = (
    *(None, True, False, [], {}, "", " ", "a", "1", [[]], [{}], [None], {"a": {}}),
    *(0, 1, -1, 2, 4, 5, 8, 9, 16, 17, 20, 21, 128, 129, 258, 259, 300, 301, 2048, 2049),
    *(2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 10**30, 10**400),
    *(0.0, -0.0, 5e-324, 0.5, 1.0000001, 2.0000001, 1e308, float("nan"), float("inf")),
    *("\x00", "\ud800", "\udfffa", "\u202e", "\uffff", "\u2028", "😀" * 50, "<s>", "</s>[INST]"),
    *("(a+)+$", "%s%n", "{{7*7}}", "../../etc/passwd", "<script>", "a" * 5_000, "http://x/"),
    *(["a"] * 130, [5] * 2_049, [True], [1.5], [-1], {str(i): 1 for i in range(301)}),
)
values = st.sampled_from(VALUES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NAMES = [*sorted({name for _, body in SEEDS for name in body}), "suffix", "tools", "x", "", "\x00"]
_PIECES = (b"\xff", b"\xed\xa0\x80", b"\x00", b'"', b"\\ud800", b"[" * 70, b"{", b"}", b",", b"NaN")


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """A path, and the body of a request that is probably wrong."""
    path, seed = draw(st.sampled_from(SEEDS))
    body: Any = json.loads(json.dumps(seed))
    for _ in range(draw(st.integers(1, 3))):
        body = _changed(draw, body)
    data = json.dumps(body, ensure_ascii=draw(st.booleans()))
    raw = data.encode("utf-8", "surrogatepass")
    return path, _damaged(draw, raw) if draw(st.integers(0, 4)) == 0 else raw


def _changed(draw: st.DrawFn, node: Any) -> Any:
    """The value with one place changed, mostly deep inside."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(values)
    if kind == 1:
        for _ in range(draw(st.sampled_from((1, 30, 63, 64, 65)))):
            node = [node]
        return node
    if isinstance(node, dict) and kind == 2:
        return {**node, draw(st.sampled_from(NAMES)): draw(values)}
    if not isinstance(node, dict | list) or not node:
        return draw(values)
    place = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    if kind == 3:
        return (
            {name: each for name, each in node.items() if name != place}
            if isinstance(node, dict)
            else [*node, *node]
        )
    changed: Any = dict(node) if isinstance(node, dict) else list(node)
    changed[place] = _changed(draw, node[place])
    return changed


def _damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes cut, or with something put between them."""
    place = draw(st.integers(0, len(raw)))
    if draw(st.booleans()):
        return raw[:place]
    return raw[:place] + draw(st.sampled_from(_PIECES)) + raw[place:]
