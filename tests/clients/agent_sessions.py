"""What Codex and Claude Code send in a session: requests with the structure of theirs, and texts of
our own.

Knows nothing about HTTP. `make clients` compares the structure with what the programs send.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MODEL = "chinese-llama-alpaca"
GREETING, ASKED, THANKS = "Say hi.", "Run the command, please.", "Thank you."
COMMAND, OUTPUT = "ls bridges", "broken_bridge.txt"
INSTRUCTIONS = "You change the code of a person who cannot see you. Be brief, and test what you do."
#: Not for the model: the program's version. Codex has none.
BILLING = "x-anthropic-billing-header: cc_version=2.0.0; cc_entrypoint=cli; cch=0a1b2;"
_TEXT, _NUMBER = {"type": "string"}, {"type": "number", "description": "In milliseconds"}


class Session(Protocol):
    """One agent's, from the first turn on."""

    path: str
    #: What the answer's header names, each of it once.
    ignored: str

    def say(self, text: str) -> None:
        """The person's next turn."""

    def body(self) -> dict[str, Any]:
        """The request with all that was said so far."""

    def take(self, answer: Sequence[Any]) -> None:
        """Keep an answer's items or blocks, as they are sent back."""

    def text(self, text: str) -> Any:
        """An answer's item or block with a text."""

    def call(self) -> Any:
        """An answer's item or block that calls COMMAND."""

    def take_output(self, call: Any) -> None:
        """Keep what the tool printed: OUTPUT."""


def _schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [next(iter(properties))],
        "additionalProperties": False,
    }


def _texts(kind: str, *texts: str) -> list[Any]:
    return [{"type": kind, "text": text} for text in texts]


def _function(name: str, description: str, **properties: Any) -> Any:
    parameters = _schema(**properties)
    return {
        "type": "function", "name": name, "description": description, "strict": False,
        "parameters": parameters,
    }  # fmt: skip


@dataclass
class CodexSession:
    """`codex exec`: every request has the whole conversation, because nothing is stored."""

    instructions: str = INSTRUCTIONS
    path: str = "/v1/responses"
    ignored: str = "client_metadata, include.0, tools.1, tools.2"
    items: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._message("developer", self.instructions)
        self._message("developer", "Files outside of the folder are not yours.", "Nobody is asked.")
        self._message("user", "<environment>\n  <folder>/tmp/lake</folder>\n</environment>")

    def say(self, text: str) -> None:
        self._message("user", text)

    def _message(self, role: str, *texts: str) -> None:
        content = _texts("input_text", *texts)
        identity = f"msg_{len(self.items):08d}-aaaa-7aaa-8aaa-aaaaaaaaaaaa"
        message = {"type": "message", "id": identity, "role": role, "content": content}
        self.items.append(message)

    def body(self) -> dict[str, Any]:
        run = _function("exec_command", "Runs a command.", cmd=_TEXT, timeout_ms=_NUMBER)
        helpers = [_function("ask_helper", "Asks another agent.", text=_TEXT)]
        session = "01a00000-0000-7000-8000-000000000000"
        return {
            "model": MODEL,
            "stream": True,
            "input": list(self.items),
            "tools": [
                run,
                {"type": "namespace", "name": "helpers", "description": "Of helpers.",
                 "tools": helpers},
                {"type": "web_search", "external_web_access": False},
            ],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "reasoning": {"summary": "auto"},
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": session,
            "client_metadata": {"session_id": session, "turn_id": str(len(self.items))},
        }  # fmt: skip

    def take(self, answer: Sequence[Any]) -> None:
        self.items += answer

    def text(self, text: str) -> Any:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "status": "completed", "id": "msg_1", "role": "assistant"}
        return {**message, "content": [part]}

    def call(self) -> Any:
        return {
            "type": "function_call", "status": "completed", "id": "fc_1", "name": "exec_command",
            "arguments": json.dumps({"cmd": COMMAND}), "call_id": "call_1",
        }  # fmt: skip

    def take_output(self, call: Any) -> None:
        kept = {"type": "function_call_output", "id": "fco_1", "call_id": call["call_id"]}
        self.items.append({**kept, "output": f"Ended with 0\nOutput:\n{OUTPUT}\n"})


@dataclass
class ClaudeCodeSession:
    """`claude -p`: a system message stands behind the first turn, and the mark for a cache wanders
    to the last block."""

    instructions: str = INSTRUCTIONS
    path: str = "/v1/messages"
    ignored: str = (
        "context_management, output_config.effort, thinking.display, tools.1.defer_loading"
    )
    billing: str = BILLING
    messages: list[Any] = field(default_factory=list)

    def say(self, text: str) -> None:
        reminder = () if self.messages else ("<reminder>Sign what you commit.</reminder>\n",)
        self._take_blocks(_texts("text", *reminder, text))
        if reminder:
            folder = "# Environment\nThe folder is /tmp/lake, on Linux."
            self.messages.append({"role": "system", "content": _texts("text", folder)})

    def _take_blocks(self, blocks: list[Any]) -> None:
        self.messages.append({"role": "user", "content": blocks})

    def body(self) -> dict[str, Any]:
        """Turns of one text before the last message are sent as a string."""
        *before, last = self.messages
        marked = {**last["content"][-1], "cache_control": {"type": "ephemeral"}}
        last = {**last, "content": [*last["content"][:-1], marked]}
        bash = {"command": _TEXT, "timeout": _NUMBER}
        later = {"description": "Holds a place.", "input_schema": _object()}
        draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        run = {"name": "Bash", "description": "Runs a command.", "input_schema": _schema(**bash)}
        return {
            "model": MODEL,
            "messages": [*map(_as_string, before), last],
            "system": [
                *_texts("text", self.billing),
                *({**text, "cache_control": {"type": "ephemeral"}} for text in
                  _texts("text", "You are an agent.", self.instructions)),
            ],
            "tools": [
                {**run, "input_schema": draft | run["input_schema"]},  # type: ignore[operator]
                {"name": "LaterTool", **later, "defer_loading": True},
            ],
            "metadata": {"user_id": json.dumps({"session_id": "one"})},
            "max_tokens": 32_000,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "stream": True,
        }  # fmt: skip

    def take(self, answer: Sequence[Any]) -> None:
        self.messages.append({"role": "assistant", "content": list(answer)})

    def text(self, text: str) -> Any:
        return {"type": "text", "text": text}

    def call(self) -> Any:
        return {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": COMMAND}}

    def take_output(self, call: Any) -> None:
        result = {"tool_use_id": call["id"], "type": "tool_result", "content": OUTPUT}
        self._take_blocks([{**result, "is_error": False}])


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


def _as_string(message: Any) -> Any:
    """The person's and the system's texts, once they are no longer the last; what has several
    blocks stays."""
    if message["role"] == "assistant" or len(message["content"]) > 1:
        return message
    (block,) = message["content"]
    return {**message, "content": block["text"]} if block["type"] == "text" else message


SESSIONS = (CodexSession, ClaudeCodeSession)


def bodies(session: Session) -> Iterator[dict[str, Any]]:
    """The four requests of three turns; in the second a tool is called."""
    session.say(GREETING)
    yield session.body()
    session.take([session.text("Hi.")])
    session.say(ASKED)
    yield session.body()
    session.take([session.call()])
    session.take_output(session.call())
    yield session.body()
    session.take([session.text("There is one.")])
    session.say(THANKS)
    yield session.body()


#: Below these keys is what tools and programs say, not what the API is.
_OPAQUE = {"properties", "metadata", "client_metadata", "input"}


def structure(value: Any, path: str = "", key: str = "") -> Iterator[str]:
    """Every path of `value`. Items of a list have the place of their kind: its `type` or `role`."""
    if isinstance(value, dict) and key not in _OPAQUE:
        for name, item in value.items():
            yield from structure(item, f"{path}.{name}", name)
    elif isinstance(value, list):
        for item in value:
            kind = item.get("type", item.get("role", "")) if isinstance(item, dict) else ""
            yield from structure(item, f"{path}[{kind}]")
    else:
        yield f"{path}: {type(value).__name__}"
