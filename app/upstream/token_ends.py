"""`min_tokens` and `stop_token_ids` for an upstream that has neither (llama-server): a grammar that
is complete after so many tokens, and the ids that its logprobs tell."""

from __future__ import annotations

import json

from app.engine.request import GenerationRequest
from app.engine.token_ids import TokenIds
from app.generation.request import FieldNames
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.upstream.gbnf import length_grammar
from app.upstream.sampling_fields import not_supported
from app.upstream.upstream_model import UpstreamModel


def replace_token_ends(
    fields: dict[str, object],
    request: GenerationRequest,
    model: UpstreamModel,
    names: FieldNames,
    *,
    chat: bool,
) -> TokenIds:
    """Write both fields in other words; the ids at which the answer is cut here.

    Raises:
        UpstreamError: this cannot be said in other words.
    """
    least, ids = fields.pop("min_tokens", 0), request.stop_token_ids
    if ids:
        del fields["stop_token_ids"]
        fields |= _logprob_fields(fields, chat=chat)
    if not isinstance(least, int) or not least:
        return ids
    output = request.structured_output
    if output is not None:
        if not _ends_by_itself(output):
            raise not_supported("min_tokens", model.kind, f"with {names.structured_output}")
        return ids
    excluded = ids or model.eos_ids  # the end of sequence is left to the grammar's end
    if len(excluded) != 1:
        beside = "with several stop_token_ids" if ids else ""
        raise not_supported("min_tokens", model.kind, beside)
    fields["grammar"] = length_grammar(least, excluded[0])
    return ids


def _logprob_fields(fields: dict[str, object], *, chat: bool) -> dict[str, object]:
    """Those that make each token's id known."""
    if chat:
        return {"logprobs": True, "top_logprobs": fields.get("top_logprobs", 1)}
    return {"logprobs": fields.get("logprobs", 1)}


def _ends_by_itself(output: StructuredOutput) -> bool:
    """True where no whole answer begins a longer one, so that the grammar alone ends it."""
    if output.kind is not StructuredOutputKind.CHOICE:
        return False
    texts = json.loads(output.text)
    return not any(a != b and b.startswith(a) for a in texts for b in texts)
