"""Fields that /v1/completions alone refuses; see `app.protocol.unsupported`."""

from __future__ import annotations

from app.protocol.unsupported import Unserved

#: It has no chat template.
OF_COMPLETIONS: Unserved = {
    "chat_template_kwargs": ({},),
    "enable_thinking": (),
    "reasoning_effort": ("none",),
    "reasoning_format": ("none", "auto"),
    "reasoning_budget": (-1,),
    "thinking_budget": (),
    "thinking_token_budget": (),
}
