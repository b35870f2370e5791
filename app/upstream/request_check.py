"""Refuses what the upstream would not refuse, or not by the client's name for it."""

from __future__ import annotations

from app.connection.request_context import RequestContext
from app.engine.validation import check_token_ids
from app.generation.encoding import engine_errors_as_fields
from app.generation.request import ChatInput, TextRequest
from app.prompts.reasoning_tags import START_TAG
from app.upstream.format_check import FormatCheck
from app.upstream.sampling_fields import not_supported
from app.upstream.upstream_model import UpstreamModel


class RequestCheck:
    """Any thread may use it."""

    def __init__(self) -> None:
        self._formats = FormatCheck()

    def check(self, request: TextRequest, model: UpstreamModel, context: RequestContext) -> None:
        """Check a request before it is sent.

        Raises:
            FieldRefused, UpstreamError: it cannot be served; the message names the field.
            EngineError: it cannot be checked now.
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
        """
        kind = model.kind
        if kind.ignores_unknown_tokens and model.vocab_size:
            with engine_errors_as_fields(request.fields):
                check_token_ids(request.generation, model.vocab_size)
        tool_use = request.input.tool_use if isinstance(request.input, ChatInput) else None
        if tool_use is not None and tool_use.required and model.shows_no_tools:
            raise not_supported("tool_choice", kind, "with a chat template that shows no tools")
        if not kind.is_exact:
            self._check_format(request, model, context)

    def _check_format(
        self, request: TextRequest, model: UpstreamModel, context: RequestContext
    ) -> None:
        output = request.generation.structured_output
        if output is None:
            return
        begun = request.input.continued_text if isinstance(request.input, ChatInput) else ""
        answer_begun = "" if START_TAG in begun else begun  # thinking is no part of the answer
        self._formats.check(output, answer_begun, request.fields, context)
        if begun and not model.kind.continues_formats:
            with_format = f"with {request.fields.structured_output}"
            raise not_supported("continue_final_message", model.kind, with_format)
