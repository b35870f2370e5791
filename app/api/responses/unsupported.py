"""Fields that the Responses API's routes refuse; see `app.protocol.unsupported`."""

from __future__ import annotations

from app.protocol.unsupported import OF_GENERATION, Unserved

#: Of both routes of the Responses API: what needs stored responses, and other prompts.
OF_RESPONSE_INPUT: Unserved = {
    "previous_response_id": ("",),
    "conversation": (),
    "prompt": (),
    "messages": ([],),
    "chat_template": (),
}
#: Of /v1/responses: also fields of other APIs that would change the answer.
OF_RESPONSES: Unserved = {
    **{
        name: no_op
        for name, no_op in OF_GENERATION.items()
        if name not in ("instructions", "max_output_tokens", "reasoning")
    },
    **OF_RESPONSE_INPUT,
    "background": (False,),
    "max_tokens": (-1,),
    "max_completion_tokens": (-1,),
    "n": (1,),
    "best_of": (1,),
    "num_beams": (1,),
    "logprobs": (False,),
    "response_format": ({"type": "text"},),
}
