"""Form fields as the JSON body that the API would have received.

Text that does not look like a number is passed on as it is, for the request schema to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from app.playground.parameters import MAX_TOKENS
from app.protocol.errors import BadRequest

MAX_FIELDS = 4096

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?[0-9]{0,19}\.[0-9]{1,19}")
_OPTIONS = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "repetition_penalty",
    "num_beams",
    "seed",
)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one post, in the page's order."""

    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Every value of one field."""
        return [value for key, value in self.fields if key == name]

    def text(self, name: str) -> str:
        """The field's last value; "" when it was not sent."""
        return next(reversed(self.all(name)), "")


def parse_form(body: bytes) -> Form:
    """The fields of a URL-encoded body; browsers' line ends become newlines.

    Raises:
        BadRequest: not UTF-8, or too many fields.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:  # UnicodeDecodeError is one
        message = f"The form is not UTF-8, or has more than {MAX_FIELDS} fields"
        raise BadRequest(message) from None
    return Form(tuple((key, value.replace("\r\n", "\n")) for key, value in pairs))


def completion_request(form: Form) -> Mapping[str, object]:
    """What the completion form asks of /v1/completions."""
    template = form.text("prompt_template")
    raw = {"prompt_template": template} if template else {}
    return {"prompt": form.text("prompt"), **raw, **_options(form)}


def chat_request(form: Form) -> Mapping[str, object]:
    """What the chat form asks of /v1/chat/completions: its hidden history and the new turn.

    Raises:
        BadRequest: there is no new turn, or the history is damaged.
    """
    if not form.text("message"):
        raise BadRequest("messages: must not be empty", "messages")
    system = form.text("system")
    messages = [{"role": "system", "content": system}] if system.strip() else []
    messages += history(form)
    messages.append({"role": "user", "content": form.text("message")})
    return {"messages": messages, **_options(form)}


def history(form: Form) -> list[dict[str, str]]:
    """The turns that the chat form carries along.

    Raises:
        BadRequest: not a role for each text.
    """
    roles, texts = form.all("role"), form.all("content")
    if len(roles) != len(texts):
        raise BadRequest("The form's history is damaged; begin a new conversation", "messages")
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]


def embeddings_request(form: Form) -> Mapping[str, object]:
    """What the embeddings form asks of /v1/embeddings: one input for each line."""
    lines = [line for line in form.text("input").split("\n") if line.strip()]
    return {"input": lines or ""}


def _options(form: Form) -> dict[str, object]:
    given = {name: form.text(name).strip() for name in _OPTIONS}
    options = {name: _value(text) for name, text in given.items() if text}
    options.setdefault("max_tokens", MAX_TOKENS)
    if stops := [line for line in form.text("stop").split("\n") if line]:
        options["stop"] = stops
    if form.text("do_sample") == "false":
        options["do_sample"] = False
    return options


def _value(text: str) -> object:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
