"""The records that HTTP and the engine exchange: requests, events, and facts about the model."""

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
    """The state of the engine; only READY accepts requests."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"  #: refuses new requests, finishes the running ones
    DEAD = "dead"  #: after a fault that needs a new process


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are sampled, applied in transformers' order: logit_bias, presence and frequency
    penalty, repetition penalty, temperature, top_k, top_p, min_p."""

    temperature: float = 1.0  #: 0 is greedy
    top_k: int = 0  #: 0: off
    top_p: float = 1.0  #: 0 is greedy
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0  #: subtracted from the logits of the output's tokens
    frequency_penalty: float = 0.0  #: the same, times the token's count
    logit_bias: tuple[tuple[int, float], ...] = ()  #: (token id, added to its logit)
    seed: int | None = None  #: None: a random one per request
    logprobs: int | None = None  #: alternatives per token; None: no logprobs

    @property
    def greedy(self) -> bool:
        """True when no random number is drawn."""
        return self.temperature < 1e-5 or self.top_p == 0 or self.top_k == 1


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a request is from (an API key). Owners take turns, and share no cached prompts."""

    name: str = ""  #: identifies the owner; empty for all requests without a key
    limited: bool = False  #: there are other owners, so `max_per_owner` applies


ANONYMOUS = Owner()


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One HTTP request: `n` answers to each prompt."""

    prompts: tuple[TokenIds, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    n: int = 1
    num_beams: int = 1  #: over 1: beam search, or beam sampling if `params` is not greedy
    max_tokens: int | None = None  #: the client's limit; reduced to what the context leaves
    default_max_tokens: int | None = None  #: without one; None: what the context leaves
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    json_schema: str | None = None  #: JSON text of the schema that answers must match
    answer_prefix: str = ""  #: end of the prompt that the schema's instance begins with
    drop_leading_space: bool = False  #: remove leading white space (after a chat template)
    #: Alternatives for each prompt token; None: no prompt logprobs. With it `max_tokens` may be 0,
    #: to generate nothing.
    prompt_logprobs: int | None = None
    owner: Owner = ANONYMOUS


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One HTTP request: one embedding for each input."""

    inputs: tuple[TokenIds, ...]
    owner: Owner = ANONYMOUS


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
    is_prompt: bool = False  #: the echoed prompt; the engine itself never sends one


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


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about the loaded model for display only."""

    architecture: str = ""
    parameters: int = 0  #: 0: unknown
    precision: str = ""
    device: str = ""
    kernels: str = ""  #: on a CPU: short name of the kernels in use
    threads: int = 0  #: on a CPU
    chinese: bool = True  #: vocabulary or chat template support Chinese
    #: Whether a row's bits do not depend on the rows computed with it, as far as the check at
    #: load can see; None: not checked.
    batch_invariant: bool | None = None
    batch_variant_kernel: str = ""  #: which one gave other bits


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about the loaded model."""

    max_model_len: int  #: tokens of prompt and answer together
    hidden_size: int
    vocab_size: int  #: ids from this on are not tokens
    chat_template: str | None = None  #: of the tokenizer, Jinja source
    bos_text: str = ""
    eos_text: str = ""
    #: ("bos_token", its text) and others, as in the tokenizer's files, for its chat template.
    named_tokens: tuple[tuple[str, str], ...] = ()
    special_texts: tuple[str, ...] = ()  #: texts of special tokens
    special_ids: tuple[int, ...] = ()  #: their ids, in the same order
    #: The bytes of each token id; b"" for special tokens.
    token_bytes: Sequence[bytes] = field(default=(), repr=False)
    description: str = ""  #: architecture, dtype, device and memory, for logs
    facts: ModelFacts = field(default=ModelFacts(), repr=False)
    loaded_at: int = 0  #: Unix seconds
    #: Identifies version, weights and precision. Servers with the same fingerprint give the same
    #: answers on the same type of machine.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot of the engine's counters; it may be one step old."""

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
    prefix_queried_tokens: int = 0  #: prompt tokens looked up in the prefix cache
    prefix_reused_tokens: int = 0  #: of them, those that were found
    kv_usage_ratio: float = 0.0
    finished: tuple[tuple[str, int], ...] = ()  #: (finish reason, choices)
    ttft_seconds: tuple[tuple[float, int], ...] = ()  #: (upper bound, cumulative count)
    ttft_sum_seconds: float = 0.0
    itl_seconds: tuple[tuple[float, int], ...] = ()
    itl_sum_seconds: float = 0.0
