"""The parameters that the page offers: the API's ranges and, but for max_tokens, its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.chat_completions.request import ChatSchema
from app.api.completions.request import CompletionsSchema
from app.protocol.fields import StrictInteger, StrictNumber
from app.protocol.sampling import COMPLETION_DEFAULTS, OPENAI_CHAT_DEFAULTS

_SCHEMAS = {"chat": ChatSchema(), "completion": CompletionsSchema()}
_DEFAULTS = {"chat": OPENAI_CHAT_DEFAULTS, "completion": COMPLETION_DEFAULTS}

#: Ends and steps of the sliders, often narrower than the API's ranges.
_SLIDERS = {
    "max_tokens": (1, 2048, 1),
    "temperature": (0, 2, 0.05),
    "top_p": (0, 1, 0.01),
    "top_k": (0, 200, 1),
    "repetition_penalty": (0.8, 2, 0.01),
    "num_beams": (1, 8, 1),
    "n": (1, 8, 1),
}
#: What the page sends where the user sets no max_tokens. The API's default in chats is the rest
#: of the context, which a small model fills with repetitions.
MAX_TOKENS = 1024
_OF_THE_PAGE = {"max_tokens": MAX_TOKENS, "repetition_penalty": 1.0, "num_beams": 1, "n": 1}

#: Values of the buttons over the parameters; a name that is missing is the API's default.
PRESETS: Mapping[str, Mapping[str, float]] = {
    "precise": {"temperature": 0.2, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1},
    "balanced": {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1},
    "creative": {"temperature": 1.0, "top_p": 0.95, "top_k": 100, "repetition_penalty": 1.1},
    "default": {},
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a request."""

    name: str
    low: float
    high: float  #: the slider's ends
    step: float
    minimum: float
    maximum: float | None  #: the API's range
    default: float
    integer: bool
    exclusive_minimum: bool


def parameters(kind: str) -> tuple[Parameter, ...]:
    """Those of "chat" or "completion", in the page's order. One answer is all a chat shows."""
    names = [name for name in _SLIDERS if not (kind == "chat" and name == "n")]
    return tuple(_parameter(kind, name) for name in names)


def _parameter(kind: str, name: str) -> Parameter:
    field = _SCHEMAS[kind].fields[name]
    assert isinstance(field, StrictNumber | StrictInteger)
    low, high, step = _SLIDERS[name]
    defaults = _DEFAULTS[kind]
    default = _OF_THE_PAGE[name] if name in _OF_THE_PAGE else getattr(defaults, name)
    return Parameter(
        name=name,
        low=low,
        high=high,
        step=step,
        minimum=field.minimum,
        maximum=field.maximum if field.maximum < 2**62 else None,
        default=default,
        integer=isinstance(field, StrictInteger),
        exclusive_minimum=isinstance(field, StrictNumber) and field.above_minimum,
    )
