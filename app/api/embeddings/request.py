"""POST /v1/embeddings: the request's fields, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from marshmallow import Schema
from marshmallow.fields import Field

from app.api.embeddings.unsupported import OF_EMBEDDINGS
from app.generation.request import FieldNames, TextEmbeddingRequest
from app.protocol.fields import Ignored, StrictInteger, StrictString, refused
from app.protocol.loading import ignored_fields, load
from app.protocol.prompt_fields import Texts, is_list_of_items

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
class EmbeddingsRequest:
    """A valid request."""

    text: TextEmbeddingRequest
    base64: bool
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def read_embeddings(data: Mapping[str, object]) -> EmbeddingsRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    text = TextEmbeddingRequest(
        inputs=values["input"],
        fields=FieldNames("input", is_list=is_list_of_items(data["input"])),
        dimensions=values.get("dimensions"),
        model=values.get("model"),
    )
    base64 = values.get("encoding_format") == "base64"
    return EmbeddingsRequest(text, base64, ignored_fields(_SCHEMA, data))
