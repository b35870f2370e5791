"""The `max_tokens` to send: always written out, since upstreams have defaults that cut answers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.upstream.upstream_model import UpstreamModel

#: What a chat template may write round a message, in tokens, at most.
_TOKENS_ROUND_A_MESSAGE = 64


def most_prompt_tokens(body: Mapping[str, object]) -> int:
    """No fewer tokens than a prompt can have: no token has less than a byte of text."""
    prompt = body.get("prompt")
    items = prompt if isinstance(prompt, list) else [prompt]
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], int):
        return len(prompt)
    if prompt is not None:
        longest = max(
            len(item.encode()) if isinstance(item, str) else len(item)  # type: ignore[arg-type]
            for item in items
        )
        return longest + _TOKENS_ROUND_A_MESSAGE
    messages = body["messages"]
    assert isinstance(messages, list)
    shown = json.dumps([messages, body.get("tools")], ensure_ascii=False).encode()
    return len(shown) + _TOKENS_ROUND_A_MESSAGE * (len(messages) + 1)


def max_tokens_to_send(
    asked: int | None, default: int | None, model: UpstreamModel, body: Mapping[str, object]
) -> int | None:
    """asked: by the client; default: the route's; of both None: what the context leaves.

    None: nothing can be said, because the upstream does not tell its context length.
    """
    wanted = asked if asked is not None else default
    context = model.max_model_len
    if not context:
        return wanted
    if model.kind.cuts_max_tokens:
        return context if wanted is None else min(wanted, context)
    # An upstream that refuses what does not fit.
    left = max(context - most_prompt_tokens(body), 1)
    return left if wanted is None else wanted
