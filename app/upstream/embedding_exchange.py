"""An embedding request's vectors."""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from typing import Any

import httpx2

from app.engine.errors import UpstreamError
from app.engine.events import Embedding
from app.engine.request_handle import RequestHandle
from app.generation.request import FieldNames
from app.upstream.answer_json import BAD_SHAPES, bad_answer
from app.upstream.chunk_reader import TokenCounts
from app.upstream.connection import read_limited
from app.upstream.exchange import Exchange
from app.upstream.ledger import Ledger
from app.upstream.server_kind import ServerKind
from app.upstream.upstream_call import UpstreamCall

MAX_BODY_BYTES = 512 << 20
_NO_TOKENS = TokenCounts(0, 0)


class EmbeddingExchange(Exchange):
    """The upstream pools and scales as it does; `dimensions` are cut here, as of our own."""

    def __init__(
        self,
        handle: RequestHandle,
        call: UpstreamCall,
        kind: ServerKind,
        names: FieldNames,
        dimensions: int | None,
    ) -> None:
        super().__init__(handle, call, kind, names)
        self._dimensions = dimensions
        self._counts = _NO_TOKENS

    @property
    def counts(self) -> TokenCounts:
        """Known at the end."""
        return self._counts

    async def read(self, response: httpx2.Response, ledger: Ledger, part: int) -> None:
        """Take the vectors, and tell the handle."""
        self.handle.mark_prepared()
        body = await read_limited(response, MAX_BODY_BYTES)
        try:
            answer = json.loads(body)
            vectors = [_vector(item["embedding"]) for item in _in_order(answer["data"])]
            prompt_tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
        except BAD_SHAPES as error:
            raise bad_answer(f"{type(error).__name__} in its embeddings") from error
        self._check(vectors)
        self._counts = TokenCounts(prompt_tokens, 0)
        self.handle.send(
            tuple(Embedding(index, values) for index, values in enumerate(map(_packed, vectors)))
        )
        ledger.complete(self.handle, self._counts)

    def _check(self, vectors: list[array[float]]) -> None:
        sizes = {len(vector) for vector in vectors}
        if len(vectors) != self.call.choices or len(sizes) != 1 or 0 in sizes:
            raise bad_answer("it has other embeddings than were asked for")
        if not all(math.isfinite(value) for vector in vectors for value in vector):
            raise bad_answer("an embedding has a value that is no number")
        (size,) = sizes
        if self._dimensions is not None and self._dimensions > size:
            message = f"dimensions: must be a whole number from 1 to {size}"
            raise UpstreamError(message, 400, param="dimensions")


def _in_order(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(data, key=lambda item: int(item["index"]))


def _vector(value: str | list[float]) -> array[float]:
    """Of numbers, or of base64 of little-endian float32."""
    if isinstance(value, str):
        vector = array("f", base64.b64decode(value, validate=True))
        if sys.byteorder == "big":
            vector.byteswap()
        return vector
    return array("f", value)


def _packed(vector: array[float]) -> bytes:
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return vector.tobytes()
