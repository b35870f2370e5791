"""Facts about the loaded model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
class TokenTexts:
    """What token ids stand for."""

    token_bytes: Sequence[bytes]  #: of each id; b"" for special tokens
    special: Mapping[int, str]  #: texts of special tokens, by their ids


#: Of a stream without logprobs.
NO_TOKEN_TEXTS = TokenTexts((), {})


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts about the loaded model."""

    max_model_len: int  #: tokens of prompt and answer together
    hidden_size: int
    vocab_size: int  #: ids from this on are not tokens
    chat_template: str | None = None  #: of the tokenizer, Jinja source
    tool_chat_template: str | None = None  #: instead, with tools; None: the same
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
    #: The model's own, of fields that a request does not give, by name.
    sampling_defaults: Mapping[str, float] = field(default_factory=dict, repr=False)
    #: Identifies version, weights and precision. Servers with the same fingerprint give the same
    #: answers on the same type of machine.
    fingerprint: str = ""

    @property
    def token_texts(self) -> TokenTexts:
        """What the ids of its vocabulary stand for."""
        special = dict(zip(self.special_ids, self.special_texts, strict=True))
        return TokenTexts(self.token_bytes, special)
