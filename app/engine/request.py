"""What HTTP asks of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.engine.token_ids import TokenIds
from app.structured_output.structured_output import StructuredOutput


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
    key_name: str = field(default="anonymous", compare=False)  #: for counters; never the key


ANONYMOUS = Owner()


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The thinking that may precede an answer, between two tags, which are text or special
    tokens. Stop strings, logprobs and grammars begin after it."""

    start_tag: str
    end_tag: str
    starts_inside: bool = False  #: the prompt ends with the start tag
    #: Drop white space after the end tag; not where an answer must match something.
    drop_space: bool = True
    end_ids: TokenIds = ()  #: the tokens that write the end tag; needed with a budget
    budget: int | None = None  #: after so many tokens of thinking the end tag is written


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
    stop_token_ids: TokenIds = ()  #: tokens that end an answer, like end of sequence
    min_tokens: int = 0  #: before so many no token may end an answer; stop strings still do
    ignore_eos: bool = False
    structured_output: StructuredOutput | None = None  #: what answers must match
    answer_prefix: str = ""  #: end of the prompt that counts as the beginning of what must match
    #: Texts of special tokens that are part of an answer's text, such as the tags of tool calls.
    #: Others have no text.
    shown_special_texts: tuple[str, ...] = ()
    drop_leading_space: bool = False  #: remove leading white space (after a chat template)
    #: Alternatives for each prompt token; None: no prompt logprobs. With it `max_tokens` may be 0,
    #: to generate nothing.
    prompt_logprobs: int | None = None
    reasoning: Reasoning | None = None  #: None: all text is the answer's
    owner: Owner = ANONYMOUS


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One HTTP request: one embedding for each input."""

    inputs: tuple[TokenIds, ...]
    owner: Owner = ANONYMOUS
