"""The fields of /v1/responses and of /v1/responses/input_tokens."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema
from marshmallow.fields import Field

from app.api.responses.input_field import Input
from app.api.responses.option_fields import Include, Metadata
from app.api.responses.reasoning_options import ReasoningField
from app.api.responses.text_format import TextFormat
from app.api.responses.tool_choice_field import FunctionChoice
from app.api.responses.tools_field import FunctionTools
from app.api.responses.unsupported import OF_RESPONSE_INPUT, OF_RESPONSES
from app.protocol.fields import Ignored, StrictBoolean, StrictInteger, StrictString, refused
from app.protocol.generation_fields import PromptCacheKey
from app.protocol.sampling import SamplingSchema
from app.protocol.structured_outputs import structured_outputs_fields
from app.protocol.template_fields import KwargsField


class ResponseInputSchema(Schema):
    """What the model reads: the fields that /v1/responses/input_tokens has too."""

    class Meta:
        """What would change the answer and is not served."""

        include: ClassVar[dict[str, Field[Any]]] = refused(OF_RESPONSE_INPUT)

    model = StrictString()
    input = Input()
    instructions = StrictString()
    tools = FunctionTools()
    tool_choice = FunctionChoice()
    parallel_tool_calls = StrictBoolean()
    text = TextFormat()
    reasoning = ReasoningField()
    truncation = StrictString("disabled", "auto")
    chat_template_kwargs = KwargsField()
    enable_thinking = StrictBoolean()


class ResponsesSchema(ResponseInputSchema, SamplingSchema):
    """The request's fields."""

    class Meta:
        """What would change the answer and is not served."""

        include: ClassVar[dict[str, Field[Any]]] = refused(
            {**OF_RESPONSES, **dict.fromkeys(structured_outputs_fields(), ())}
        )

    max_output_tokens = StrictInteger(1, absent=-1)
    include = Include()
    top_logprobs = StrictInteger(0, 20)
    thinking_budget = StrictInteger(0)
    metadata = Metadata()
    store = StrictBoolean()
    # They change nothing here.
    service_tier = Ignored()
    safety_identifier = Ignored()
    prompt_cache_key = PromptCacheKey()
    prompt_cache_options = Ignored()
    prompt_cache_retention = Ignored()
    moderation = Ignored()
    max_tool_calls = Ignored()


class InputTokensSchema(ResponseInputSchema):
    """The request's fields."""

    input = Input(required=False)
