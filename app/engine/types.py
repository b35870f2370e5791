"""The frozen records that cross the engine's border, in both directions.

Knows nothing about HTTP, OpenAI's field names, torch or how text is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

TokenIds = tuple[int, ...]


class FinishReason(StrEnum):
    """Why a choice ended."""

    STOP = "stop"  #: an end-of-sequence token or a stop string
    LENGTH = "length"  #: `max_tokens` or the context's end


class EngineState(StrEnum):
    """Where the engine is in its life; only READY answers."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"  #: refuses new requests, finishes those it has
    DEAD = "dead"  #: a fault that needs a new process


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen. The order is transformers': logit_bias, presence and
    frequency penalty, repetition penalty, temperature, top_k, top_p, min_p."""

    temperature: float = 1.0  #: 0 is greedy
    top_k: int = 0  #: 0: all
    top_p: float = 1.0  #: 0 is greedy
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0  #: off the logit of every token of the output
    frequency_penalty: float = 0.0  #: the same, times how often it is there
    logit_bias: tuple[tuple[int, float], ...] = ()  #: (token id, added to its logit)
    seed: int | None = None  #: None: a fresh one per request
    logprobs: int | None = None  #: alternatives reported per token; None: no logprobs at all

    @property
    def greedy(self) -> bool:
        """True when no random number is drawn."""
        return self.temperature < 1e-5 or self.top_p == 0 or self.top_k == 1


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a request is. Owners take turns, and share no prompts in the cache."""

    name: str = ""  #: tells them apart; the empty one is everybody without a name
    limited: bool = False  #: there are others: this one may not have all places


ANONYMOUS = Owner()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One HTTP request's generation work: `n` choices for each prompt."""

    prompts: tuple[TokenIds, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    n: int = 1
    num_beams: int = 1  #: more: beam search, or beam sampling where `params` is not greedy
    max_tokens: int | None = None  #: asked for by the client; cut to what is left
    default_max_tokens: int | None = None  #: the same where nothing is asked; None: what is left
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    json_schema: str | None = None  #: JSON text of the schema that answers keep to
    answer_prefix: str = ""  #: text of the prompt's end with which such an answer has begun
    drop_leading_space: bool = False  #: after a template: white space before the answer goes
    #: Alternatives reported for each prompt token; None: prompts are not scored. With it
    #: `max_tokens` may be 0: nothing is generated then.
    prompt_logprobs: int | None = None
    owner: Owner = ANONYMOUS


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One HTTP request's embedding work: one vector for each input."""

    inputs: tuple[TokenIds, ...]
    owner: Owner = ANONYMOUS


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token with the model's own log-probabilities (before any processing)."""

    token_id: int
    logprob: float | None  #: None: a prompt's first token, which nothing precedes
    top: tuple[tuple[int, float], ...]  #: (token id, logprob), likeliest first
    offset: int = 0  #: in an answer: where its text begins, in characters


@dataclass(frozen=True, slots=True)
class OutputDelta:
    """New text of one choice. `token_ids` may be given before their text: text that could
    still become a stop string, or half a character, is held back. `logprobs` come with their
    text, and never for tokens that leave none in the answer: the end of sequence, and what a
    stop string cuts off."""

    index: int  #: prompt number × n + choice number
    text: str
    token_ids: TokenIds = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    is_prompt: bool = False  #: the echoed prompt; the engine itself never sends one


@dataclass(frozen=True, slots=True)
class PromptLogprobs:
    """Log-probabilities of a prompt's tokens from its second on, in order; all of them come
    before the choice's first OutputDelta, in one or several events."""

    index: int
    logprobs: tuple[TokenLogprob, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """One finished embedding: the mean of the final hidden states, scaled to length 1."""

    index: int
    values: bytes  #: little-endian float32, `ModelInfo.hidden_size` of them


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a request stands before its first text."""

    queued: int = 0  #: requests ahead of this one, 0 once it runs
    prefilled_tokens: int = 0
    prompt_tokens: int = 0


Event = OutputDelta | PromptLogprobs | Embedding | Progress


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a person may want to know of the loaded model; nothing here decides anything."""

    architecture: str = ""
    parameters: int = 0  #: 0: unknown
    precision: str = ""
    device: str = ""
    kernels: str = ""  #: on a CPU: what computes, in a word
    threads: int = 0  #: on a CPU
    chinese: bool = True  #: the vocabulary or the template was made for Chinese too
    #: Whether a row's bits do not depend on the rows computed with it, as far as the check at
    #: load can see; None: not checked.
    batch_invariant: bool | None = None
    batch_variant_kernel: str = ""  #: which one gave other bits


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What HTTP may know about the loaded model."""

    max_model_len: int  #: tokens of prompt and answer together
    hidden_size: int
    vocab_size: int  #: ids at or above this are not tokens
    chat_template: str | None = None  #: the tokenizer's own, Jinja source
    bos_text: str = ""
    eos_text: str = ""
    #: What the tokenizer's files call "bos_token" …, and its spelling, for its own template.
    named_tokens: tuple[tuple[str, str], ...] = ()
    special_texts: tuple[str, ...] = ()  #: spellings of control tokens
    special_ids: tuple[int, ...] = ()  #: and their ids, in the same order
    #: Each id's bytes; b"" for control tokens.
    token_bytes: Sequence[bytes] = field(default=(), repr=False)
    description: str = ""  #: architecture, dtype, device and memory, for people
    facts: ModelFacts = field(default=ModelFacts(), repr=False)
    loaded_at: int = 0  #: Unix seconds
    #: What decides an answer's bytes besides the request: version, weights, precision. Two
    #: servers of one fingerprint on one type of machine answer alike.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot of the engine's counters; never locked, may be a step old."""

    running: int = 0
    waiting: int = 0
    accepted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    steps: int = 0
    preemptions: int = 0
    prefix_queried_tokens: int = 0  #: of prompts that could have been in the cache
    prefix_reused_tokens: int = 0  #: of them, those that were
    kv_usage_ratio: float = 0.0
    finished: tuple[tuple[str, int], ...] = ()  #: (finish reason, choices)
    ttft_seconds: tuple[tuple[float, int], ...] = ()  #: (upper bound, cumulative count)
    ttft_sum_seconds: float = 0.0
    itl_seconds: tuple[tuple[float, int], ...] = ()
    itl_sum_seconds: float = 0.0
