"""What the engine tells HTTP of a request: its text, scores, embeddings and progress."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.engine.token_ids import TokenIds
from app.tool_calls.events import ArgumentsPiece, CallBegin


class FinishReason(StrEnum):
    """Why a choice ended."""

    STOP = "stop"  #: an end-of-sequence token or a stop string
    LENGTH = "length"  #: `max_tokens` or the context's end
    TOOL_CALLS = "tool_calls"  #: as STOP, and it calls tools; the engine itself never says so


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token with the model's own log-probabilities (before any processing)."""

    token_id: int
    logprob: float | None  #: None: a prompt's first token, which nothing precedes
    top: tuple[tuple[int, float], ...]  #: (token id, logprob), most likely first
    offset: int = 0  #: in an answer: position of its first character


@dataclass(frozen=True, slots=True)
class OutputDelta:
    """New text and tokens of one choice. `token_ids` may come before their text: text that could
    still become a stop string, and incomplete characters, are held back. `logprobs` come with
    their text. Tokens without text in the answer have none: end of sequence, and tokens that a
    stop string removes."""

    index: int  #: of the prompt × n + of the choice
    text: str
    token_ids: TokenIds = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    reasoning: str = ""  #: new text of the thinking, which is not part of `text`
    reasoning_tokens: int = 0  #: tokens of the thinking among those so far, not counted before
    is_prompt: bool = False  #: the echoed prompt; the engine itself never sends one
    #: Found in the text, which is "" then; the engine itself never sends one.
    tool_call: CallBegin | ArgumentsPiece | None = None
    #: With `finish_reason`: the stop string that ended the choice; None: something else did.
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PromptLogprobs:
    """Log-probabilities of a prompt's tokens from the second on, in order, in one or several
    events. All of them come before the choice's first OutputDelta."""

    index: int
    logprobs: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """One embedding: the mean of the final hidden states, scaled to length 1."""

    index: int
    values: bytes  #: little-endian float32 [ModelInfo.hidden_size]


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a request before its first output."""

    queued: int = 0  #: requests ahead of this one; 0 once it runs
    prefilled_tokens: int = 0
    prompt_tokens: int = 0


Event = OutputDelta | PromptLogprobs | Embedding | Progress
