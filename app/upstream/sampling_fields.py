"""How to generate, as the fields of a request to an upstream."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from app.engine.errors import UpstreamError
from app.engine.request import GenerationRequest
from app.generation.request import FieldNames
from app.protocol.sampling import NEUTRAL_DEFAULTS
from app.upstream.server_kind import ServerKind

#: Below, seeds of 32 bits; above, llama-server's word for a random one, and room to count up.
_SHORT_SEEDS = (1 << 32) - 256
_NEUTRAL: Mapping[str, object] = {**NEUTRAL_DEFAULTS, "top_k": 0}


def not_supported(field: str, kind: ServerKind, where: str = "") -> UpstreamError:
    """The refusal of a field that the upstream does not have. where: beside what."""
    beside = f" {where}" if where else ""
    message = f"{field}: is not supported{beside} by the upstream, {kind.name}"
    return UpstreamError(message, 400, param=field)


def sampling_fields(request: GenerationRequest) -> dict[str, object]:
    """All that has a default on our routes is written out: an upstream has defaults of its own.
    What has none is only there where it is given."""
    params = request.params
    fields: dict[str, object] = {
        # top_p 0 is greedy, but refused by others.
        "temperature": params.temperature if params.top_p else 0.0,
        "top_p": params.top_p or 1.0,
        "top_k": params.top_k,
        "min_p": params.min_p,
        "repetition_penalty": params.repetition_penalty,
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "n": request.n,
        "num_beams": request.num_beams,
        "min_tokens": request.min_tokens,
        "ignore_eos": request.ignore_eos,
    }
    if params.seed is not None:
        fields["seed"] = params.seed
    if params.logit_bias:
        fields["logit_bias"] = {str(token): bias for token, bias in params.logit_bias}
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.stop_token_ids:
        fields["stop_token_ids"] = list(request.stop_token_ids)
    return fields


def format_fields(
    request: GenerationRequest, kind: ServerKind, names: FieldNames, *, chat: bool
) -> Mapping[str, object]:
    """What answers must match.

    Raises:
        UpstreamError: the upstream does not have it.
    """
    output = request.structured_output
    if output is None:
        return {}
    only = kind.completion_formats
    formats = kind.formats if chat or only is None else only
    if output.kind not in formats:
        raise not_supported(names.structured_output, kind)
    return formats[output.kind](output.text)


def as_the_upstream_has_them(
    fields: Mapping[str, object], kind: ServerKind, context: int
) -> dict[str, object]:
    """The fields under the upstream's names. context: its context's tokens, 0 if it is unknown.

    Raises:
        UpstreamError: it does not have a field that would change the answer.
    """
    sent: dict[str, object] = {}
    for name, value in fields.items():
        if name in kind.lacking:
            if name not in _NEUTRAL or value != _NEUTRAL[name]:
                raise not_supported(name, kind)
        else:
            sent[kind.renamed.get(name, name)] = value
    seed = fields.get("seed")
    if kind.has_short_seeds and isinstance(seed, int):
        sent["seed"] = short_seed(seed)
    if kind.penalty_window and fields["repetition_penalty"] != 1 and context:
        sent[kind.penalty_window] = context
    if kind.refuses_greedy_choices and fields["temperature"] == 0 and fields["n"] != 1:
        sent |= {"temperature": 1.0, "top_k": 1}
    if sent.get("top_k") == 0:
        sent["top_k"] = kind.no_top_k
    beams = fields["num_beams"]
    if kind.beam_switch:
        del sent["num_beams"]
        if beams != 1:
            sent |= {kind.beam_switch: True, "n": beams}
    return sent


def short_seed(seed: int) -> int:
    """A seed of 32 bits: the same where it fits, else another one for nearly every seed."""
    if 0 <= seed < _SHORT_SEEDS:
        return seed
    digest = hashlib.blake2b(seed.to_bytes(9, "little", signed=True), digest_size=8).digest()
    return int.from_bytes(digest, "little") % _SHORT_SEEDS
