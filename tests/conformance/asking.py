"""Asks the server in one of four ways, and brings every answer into one form.

Knows nothing about what a field means; every request and every body is held against its shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.conformance.shapes import Shapes
from tests.harness.client import CHAT, COMPLETIONS, Client

QUESTION = "介绍一下西湖"
BYTES = range(3, 259)  #: the embedded vocabulary's byte tokens
PROMPT: dict[str, Any] = {"prompt": QUESTION}
MESSAGES: dict[str, Any] = {"messages": [{"role": "user", "content": QUESTION}]}


@dataclass(frozen=True)
class Way:
    """One route, whole or streamed."""

    path: str
    stream: bool

    def __str__(self) -> str:
        return f"{self.path.split('/')[2]}-{'stream' if self.stream else 'whole'}"

    @property
    def chat(self) -> bool:
        return self.path == CHAT

    @property
    def question(self) -> dict[str, Any]:
        """A good request's body."""
        return MESSAGES if self.chat else PROMPT


WHOLE = Way(COMPLETIONS, stream=False)
STREAM = Way(COMPLETIONS, stream=True)
CHAT_WHOLE = Way(CHAT, stream=False)
CHAT_STREAM = Way(CHAT, stream=True)
WAYS = (WHOLE, STREAM, CHAT_WHOLE, CHAT_STREAM)


@dataclass
class Choice:
    """One choice, put together."""

    text: str = ""
    reason: str | None = None
    #: By the names of the route's shape, each a list with one entry per token.
    logprobs: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, raw: dict[str, Any]) -> None:
        """Take a whole choice or a piece of one."""
        assert self.reason is None, "a piece after the end"
        message = raw.get("message") or raw.get("delta")
        self.text += raw["text"] if message is None else message.get("content") or ""
        self.reason = raw["finish_reason"]
        for name, values in (raw.get("logprobs") or {}).items():
            if values:
                self.logprobs.setdefault(name, []).extend(values)

    @property
    def tokens(self) -> list[bytes]:
        """The bytes of each token that logprobs tell of; none of a control token."""
        if "content" in self.logprobs:
            return [bytes(entry["bytes"] or []) for entry in self.logprobs["content"]]
        return [_named(name) for name in self.logprobs.get("tokens", [])]


def _named(name: str) -> bytes:
    if name.startswith("bytes:"):
        return bytes.fromhex(name.removeprefix("bytes:").replace("\\x", ""))
    return b"" if name in ("<s>", "</s>", "<unk>") else name.encode()


@dataclass
class Answer:
    """All choices, and what came around them."""

    choices: list[Choice]
    #: Without its details: what was cached depends on the requests before.
    usage: dict[str, Any] | None
    bodies: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """The only choice's text."""
        (choice,) = self.choices
        return choice.text

    @property
    def texts(self) -> list[str]:
        return [choice.text for choice in self.choices]

    @property
    def reason(self) -> str | None:
        """The only choice's end."""
        (choice,) = self.choices
        return choice.reason


@dataclass(frozen=True)
class Asker:
    """Sends requests."""

    client: Client
    shapes: Shapes

    def __call__(self, way: Way, **fields: Any) -> Answer:
        """Ask, with `fields` over the way's own question; a stream tells its usage too."""
        body = {**way.question, **fields}
        if way.stream:
            return self._streamed(way, {"stream_options": {"include_usage": True}, **body})
        whole = self.client.post(way.path, self._checked(way, body)).ok()
        self.shapes.check("ChatCompletion" if way.chat else "Completion", whole)
        return _together(whole["choices"], whole["usage"], [whole])

    def refusal(self, way: Way, **fields: Any) -> dict[str, Any]:
        """The error of a request that must be refused before its first byte."""
        body = {**way.question, **fields, **({"stream": True} if way.stream else {})}
        reply = self.client.post(way.path, body)
        assert reply.status == 400, f"{reply.status}: {reply.body[:500]!r}"
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        self.shapes.check_own("Error", reply.json())
        return reply.error()

    def _streamed(self, way: Way, body: dict[str, Any]) -> Answer:
        events = self.client.stream(way.path, self._checked(way, {**body, "stream": True}))
        name = "ChatCompletionChunk" if way.chat else "CompletionChunk"
        for chunk in events.chunks:
            self.shapes.check(name, chunk)
        assert len({(chunk["id"], chunk["created"]) for chunk in events.chunks}) == 1
        usage = None
        if (body.get("stream_options") or {}).get("include_usage"):
            *rest, last = events.chunks
            assert last["choices"] == [] and all(chunk["usage"] is None for chunk in rest)
            usage = last["usage"]
        raw = [choice for chunk in events.chunks for choice in chunk["choices"]]
        return _together(raw, usage, events.chunks)

    def _checked(self, way: Way, body: dict[str, Any]) -> dict[str, Any]:
        self.shapes.check_own("ChatRequest" if way.chat else "CompletionsRequest", body)
        return body


def _together(
    raw: list[dict[str, Any]], usage: dict[str, Any] | None, bodies: list[dict[str, Any]]
) -> Answer:
    if usage is not None:
        usage = dict(usage)
        assert 0 <= usage.pop("prompt_tokens_details")["cached_tokens"] <= usage["prompt_tokens"]
        assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    choices = [Choice() for _ in range(1 + max(choice["index"] for choice in raw))]
    for choice in raw:
        choices[choice["index"]].add(choice)
    assert all(choice.reason for choice in choices)
    return Answer(choices, usage, bodies)
