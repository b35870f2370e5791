"""/v1/embeddings on the wire: the request read, the answer built item by item.

Knows nothing about how a vector is made.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema
from marshmallow.fields import Field

from app.protocol.fields import Ignored, StrictInteger, StrictString, refused
from app.protocol.loading import ignored_fields, load
from app.protocol.prompt_fields import TextOrIds, Texts, is_list_of_items
from app.protocol.unsupported import OF_EMBEDDINGS

MAX_INPUTS = 2048


class EmbeddingsSchema(Schema):
    """The request's fields."""

    class Meta:
        """What would change the vectors and is not served."""

        include: ClassVar[dict[str, Field[None]]] = refused(OF_EMBEDDINGS)

    input = Texts(max_items=MAX_INPUTS)
    model = StrictString()
    encoding_format = StrictString("float", "base64")
    dimensions = StrictInteger(1)
    user = StrictString()
    metadata = Ignored()
    safety_identifier = Ignored()


_SCHEMA = EmbeddingsSchema()


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """A valid request."""

    inputs: tuple[TextOrIds, ...]
    is_list: bool  #: `input` was a list of inputs: a bad one has a number in its path
    model: str | None
    base64: bool
    dimensions: int | None
    ignored: tuple[str, ...]


def read_embeddings(data: Mapping[str, object]) -> EmbeddingsCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    return EmbeddingsCall(
        inputs=values["input"],
        is_list=is_list_of_items(data["input"]),
        model=values.get("model"),
        base64=values.get("encoding_format") == "base64",
        dimensions=values.get("dimensions"),
        ignored=ignored_fields(_SCHEMA, data),
    )


def embeddings_body(
    call: EmbeddingsCall, model: str, vectors: Sequence[bytes], prompt_tokens: int
) -> Iterator[str]:
    """The whole answer as JSON, one piece for each item: encoding a million floats in one
    call would hold Python's lock, and with it the engine, for most of a second."""
    yield '{"object":"list","data":['
    for index, vector in enumerate(vectors):
        values = floats(vector, call.dimensions)
        embedding = _base64(values) if call.base64 else values.tolist()
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
