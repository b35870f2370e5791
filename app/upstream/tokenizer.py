"""The upstream's tokenizer, through its own routes beside /v1."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from app.engine.errors import UpstreamError
from app.engine.token_ids import TokenIds
from app.generation.request import FieldNames
from app.generation.results import TokenizedPrompt
from app.upstream.answer_json import bad_answer
from app.upstream.connection import UpstreamAddress, UpstreamClient, read_limited, transport_errors
from app.upstream.refusals import refusal
from app.upstream.upstream_model import UpstreamModel

TIMEOUT_S = 30.0
_MAX_BYTES = 64 << 20
_NOT_THERE = frozenset((404, 405, 501))
#: Fields of a chat that decide which prompt it is.
_PROMPT_FIELDS = (
    "messages",
    "tools",
    "continue_final_message",
    "add_generation_prompt",
    "chat_template_kwargs",
    "enable_thinking",
    "reasoning_effort",
)


class UpstreamTokenizer:
    """Used by the upstream thread."""

    def __init__(
        self, client: UpstreamClient, address: UpstreamAddress, model: UpstreamModel
    ) -> None:
        self._client, self._address, self._model = client, address, model

    async def of_text(self, text: str, *, bare: bool) -> TokenizedPrompt:
        """The tokens of a text as it is. bare: without BOS."""
        if self._form == "llama.cpp":
            body = {"content": text, "add_special": not bare, "parse_special": False}
            answer, _ = await self._ask("tokenize", body)
        else:
            template = {"prompt_template": "none"} if self._form == "westlake" else {}
            body = {"prompt": text, "add_special_tokens": not bare, **template}
            answer, _ = await self._ask("tokenize", body)
        return TokenizedPrompt(_tokens(answer), text)

    async def of_rendered(self, text: str, *, bare: bool) -> TokenizedPrompt:
        """The same of a rendered conversation, in which texts of special tokens are these."""
        if self._form != "llama.cpp":
            return await self.of_text(text, bare=bare)
        body = {"content": text, "add_special": not bare, "parse_special": True}
        return TokenizedPrompt(_tokens((await self._ask("tokenize", body))[0]), text)

    async def of_instruction(self, text: str, *, bare: bool) -> TokenizedPrompt:
        """As `of_text`, in Westlake's own Alpaca template."""
        body = {"prompt": text, "add_special_tokens": not bare, "prompt_template": "alpaca"}
        answer, _ = await self._ask("tokenize", body)
        return TokenizedPrompt(_tokens(answer), str(answer.get("prompt")))

    async def of_chat(self, fields: Mapping[str, object]) -> TokenizedPrompt:
        """The tokens of a conversation in the upstream's template. fields: of a chat request."""
        prompt = await self._of_chat(fields)
        if prompt.text:
            return prompt
        begins = prompt.tokens[:1] == self._model.bos_ids
        return prompt._replace(text=await self._detokenized(prompt.tokens[begins:]))

    async def count_of_chat(self, fields: Mapping[str, object]) -> int:
        """How many tokens a conversation has."""
        return len((await self._of_chat(fields)).tokens)

    async def _of_chat(self, fields: Mapping[str, object]) -> TokenizedPrompt:
        """The text is "" where the upstream tells the tokens alone."""
        body = {name: fields[name] for name in _PROMPT_FIELDS if name in fields}
        if self._form == "llama.cpp":
            answer, _ = await self._ask("apply-template", body)
            return await self.of_rendered(str(answer.get("prompt")), bare=False)
        answer, unread = await self._ask("tokenize", body)
        return TokenizedPrompt(_tokens(answer), str(answer.get("prompt") or ""), unread)

    async def text_of(self, tokens: Sequence[int]) -> str:
        """The text of tokens, BOS and EOS left out."""
        left = [token for token in tokens if token not in self._model.special_ids]
        text = await self._detokenized(left) if left or not tokens else ""
        return text.removeprefix(" ") if self._model.adds_space else text

    async def special_tokens(self, eos_text: str) -> tuple[TokenIds, TokenIds]:
        """BOS and EOS; () where they are not told, or are no single tokens."""
        bos = (await self.of_text("", bare=False)).tokens
        if not eos_text:
            eos: TokenIds = ()
        elif self._form == "llama.cpp":
            body = {"content": eos_text, "add_special": False, "parse_special": True}
            eos = _tokens((await self._ask("tokenize", body))[0])
        else:
            eos = (await self.of_text(eos_text, bare=True)).tokens
        return (bos if len(bos) == 1 else ()), (eos if len(eos) == 1 else ())

    async def _detokenized(self, tokens: Sequence[int]) -> str:
        answer, _ = await self._ask("detokenize", {"tokens": list(tokens)})
        text = answer.get("content" if self._form == "llama.cpp" else "prompt")
        if not isinstance(text, str):
            raise bad_answer("it has no text of the tokens")
        return text

    @property
    def _form(self) -> str:
        return self._model.kind.tokenizer

    async def _ask(
        self, path: str, body: Mapping[str, object]
    ) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The answer, and the fields that the upstream says it has not read."""
        kind = self._model.kind
        if not kind.tokenizer:
            raise _not_there(path, kind.name)
        content = json.dumps({"model": self._model.name, **body}, ensure_ascii=False).encode()
        url, headers = f"{self._address.root}/{path}", {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                transport_errors(f"POST /{path}"),
                self._client.stream("POST", url, content=content, headers=headers) as response,
            ):
                received = await read_limited(response, _MAX_BYTES)
        except TimeoutError:
            message = f"the upstream does not answer /{path} within {TIMEOUT_S:g} s"
            raise UpstreamError(message, 504, "upstream_timeout") from None
        if response.status_code in _NOT_THERE:
            raise _not_there(path, kind.name)
        if response.status_code != 200:
            names = FieldNames("messages" if "messages" in body else "prompt")
            raise refusal(response.status_code, response.headers, received, kind, names)
        unread = response.headers.get("x-ignored-parameters", "")
        return _object(received), tuple(unquote(name) for name in unread.split(", ") if name)


def _not_there(path: str, kind: str) -> UpstreamError:
    return UpstreamError(f"the upstream, {kind}, has no route /{path}", 501, "not_supported")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise bad_answer("it is no JSON object")
    return answer


def _tokens(answer: Mapping[str, Any]) -> TokenIds:
    tokens = answer.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
        raise bad_answer("it has no tokens")
    return tuple(tokens)
