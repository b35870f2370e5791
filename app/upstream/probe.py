"""Asks an upstream what it is, and whether it is ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.engine.errors import UpstreamError
from app.generation.request import FieldNames
from app.upstream.connection import UpstreamAddress, UpstreamClient, read_limited, transport_errors
from app.upstream.refusals import refusal
from app.upstream.server_kind import LLAMA_SERVER, OTHER, VLLM, ServerKind, kind_of_owner
from app.upstream.tokenizer import UpstreamTokenizer
from app.upstream.upstream_model import UpstreamModel

#: Of one question; a server that takes longer is not ready.
TIMEOUT_S = 5.0
_MAX_BYTES = 1 << 22
_MAX_NAME = 200
_NAMES = FieldNames("prompt")
_SENTENCEPIECE = 1  #: llama.cpp's LLAMA_VOCAB_TYPE_SPM


class Probe:
    """Used by one task."""

    def __init__(self, client: UpstreamClient, address: UpstreamAddress) -> None:
        self._client, self._address = client, address

    async def look(self, known: UpstreamModel | None) -> UpstreamModel:
        """What the upstream is now. known: what the last look found; what does not change with
        its models is not asked again.

        Raises:
            UpstreamError: it does not answer, or says that it is not ready.
        """
        listed = await self._ask(f"{self._address.url}/models")
        models = _models(listed)
        kind = known.kind if known else await self._kind(models)
        if kind.health:
            await self._check(f"{self._address.root}/{kind.health}")
        names, aliases = _names(models)
        if known is not None and (known.names, known.aliases) == (names, aliases):
            return known
        return await self._describe(kind, models[0], names, aliases)

    async def _kind(self, models: list[Mapping[str, Any]]) -> ServerKind:
        """By the owner of its models; a router that has another owner's name answers as the
        server behind it."""
        by_owner = kind_of_owner(models[0].get("owned_by"))
        if by_owner is not None:
            return by_owner
        if "version" in await self._ask_if_there("version"):
            return VLLM
        if "default_generation_settings" in await self._ask_if_there("props"):
            return LLAMA_SERVER
        return OTHER

    async def _describe(
        self,
        kind: ServerKind,
        first: Mapping[str, Any],
        names: tuple[str, ...],
        aliases: tuple[str, ...],
    ) -> UpstreamModel:
        version = await self._ask_if_there("version") if kind is VLLM else {}
        props = await self._ask_if_there("props") if kind is LLAMA_SERVER else {}
        tokenizer = await self._ask_if_there("tokenizer_info") if kind.tells_tokenizer else {}
        meta = _mapping(first.get("meta"))
        model = UpstreamModel(
            kind,
            names,
            aliases,
            max_model_len=_whole(first.get("max_model_len")) or _whole(meta.get("n_ctx")),
            version=_text(version.get("version") or props.get("build_info"))[:60],
            bos_text=_text(tokenizer.get("bos_token") or props.get("bos_token")),
            eos_text=_text(tokenizer.get("eos_token") or props.get("eos_token")),
            vocab_size=_whole(tokenizer.get("vocab_size")) or _whole(meta.get("n_vocab")),
            chat_template=_text(tokenizer.get("chat_template") or props.get("chat_template"))
            or None,
            shows_no_tools=_mapping(props.get("chat_template_caps")).get("supports_tool_calls")
            is False,
            adds_space=kind is LLAMA_SERVER and meta.get("vocab_type") == _SENTENCEPIECE,
        )
        return await self._with_special_tokens(model)

    async def _with_special_tokens(self, model: UpstreamModel) -> UpstreamModel:
        """What upstreams give as text among others."""
        if model.kind.is_exact or not model.kind.tokenizer:
            return model
        tokenizer = UpstreamTokenizer(self._client, self._address, model)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                bos, eos = await tokenizer.special_tokens(model.eos_text)
                bos_text = model.bos_text or (await tokenizer.text_of(bos) if bos else "")
        except (UpstreamError, TimeoutError):
            return model
        return replace(model, bos_ids=bos, eos_ids=eos, bos_text=bos_text)

    async def _ask(self, url: str) -> Mapping[str, Any]:
        body = await self._check(url)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise UpstreamError(f"{url} answers with no JSON object", 502, "upstream_error")
        return answer

    async def _ask_if_there(self, path: str) -> Mapping[str, Any]:
        try:
            return await self._ask(f"{self._address.root}/{path}")
        except UpstreamError:
            return {}

    async def _check(self, url: str) -> bytes:
        """The body of a 200."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                transport_errors(f"GET {url}"),
                self._client.stream("GET", url) as response,
            ):
                body = await read_limited(response, _MAX_BYTES)
        except TimeoutError:
            raise UpstreamError(
                f"{url} does not answer within {TIMEOUT_S:g} s", 504, "upstream_timeout"
            ) from None
        if response.status_code != 200:
            raise refusal(response.status_code, response.headers, body, OTHER, _NAMES)
        return body


def _models(listed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = listed.get("data")
    models: list[Mapping[str, Any]] = [
        each
        for each in (data if isinstance(data, list) else [])
        if isinstance(each, dict) and _is_name(each.get("id"))
    ]
    if not models:
        raise UpstreamError("the upstream lists no model", 502, "upstream_error")
    return models


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _names(models: list[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models' names, and further names of theirs: entries whose `root` is another entry."""
    listed = {each["id"] for each in models}
    roots = {each["id"]: each.get("root") for each in models}
    aliases = [name for name, root in roots.items() if root in listed and root != name]
    return tuple(name for name in roots if name not in aliases), tuple(aliases)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31
    return value if is_whole else 0  # type: ignore[return-value]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
