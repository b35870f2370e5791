"""The answer of /v1/embeddings."""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Iterator, Sequence

from app.api.embeddings.request import EmbeddingsRequest


def embeddings_body(
    request: EmbeddingsRequest, model: str, vectors: Sequence[bytes], prompt_tokens: int
) -> Iterator[str]:
    """The whole answer as JSON, one string for each item: encoding a million floats in one
    call would hold Python's lock, and with it the engine, for most of a second."""
    yield '{"object":"list","data":['
    for index, vector in enumerate(vectors):
        values = floats(vector, request.text.dimensions)
        embedding = _base64(values) if request.base64 else values.tolist()
        item = {"object": "embedding", "embedding": embedding, "index": index}
        yield ("," if index else "") + json.dumps(item, separators=(",", ":"))
    usage = {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens}
    tail = {"model": model, "usage": usage}
    yield "]," + json.dumps(tail, ensure_ascii=False, separators=(",", ":"))[1:]


def floats(vector: bytes, dimensions: int | None) -> array[float]:
    """Little-endian float32 as numbers; cut and scaled back to length 1 if `dimensions`."""
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    if dimensions is None or dimensions >= len(values):
        return values
    cut = values[:dimensions]
    length = math.sqrt(math.fsum(value * value for value in cut))
    return array("f", (value / length for value in cut)) if length else cut


def _base64(values: array[float]) -> str:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode("ascii")
