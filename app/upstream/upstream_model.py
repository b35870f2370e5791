"""What is known of an upstream and its models, from its answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.model_info import ModelFacts, ModelInfo
from app.engine.token_ids import TokenIds
from app.upstream.server_kind import ServerKind
from app.version import VERSION


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """One probe's findings."""

    kind: ServerKind
    names: tuple[str, ...]  #: of its models, as it calls them; at least one
    aliases: tuple[str, ...] = ()  #: further names of them
    max_model_len: int = 0  #: of the first; 0: it does not tell
    version: str = ""  #: of the server
    bos_text: str = ""
    eos_text: str = ""
    vocab_size: int = 0  #: 0: it does not tell
    chat_template: str | None = None
    shows_no_tools: bool = False  #: its chat template does, so that it cannot hold to calls
    adds_space: bool = False  #: its tokens' text has the space that sentencepiece puts first
    bos_ids: TokenIds = ()  #: none, or one
    eos_ids: TokenIds = ()  #: none, or one

    @property
    def special_ids(self) -> frozenset[int]:
        """Of BOS and EOS, as far as they are known."""
        return frozenset((*self.bos_ids, *self.eos_ids))

    @property
    def special_texts(self) -> frozenset[str]:
        """Of BOS and EOS."""
        return frozenset((self.bos_text, self.eos_text)) - {""}

    @property
    def name(self) -> str:
        """Of the model that requests get without naming one."""
        return self.names[0]

    @property
    def description(self) -> str:
        """For logs."""
        server = f"{self.kind.name} {self.version}".rstrip()
        context = f", {self.max_model_len} tokens of context" if self.max_model_len else ""
        return f"{', '.join(self.names)} of {server}{context}"

    def info(self, loaded_at: int) -> ModelInfo:
        """As the engine's facts about a model, as far as they are known."""
        seen = "\0".join((self.kind.name, self.version, *self.names))
        digest = hashlib.sha256(seen.encode()).hexdigest()[:12]
        return ModelInfo(
            max_model_len=self.max_model_len,
            hidden_size=0,
            vocab_size=self.vocab_size,
            chat_template=self.chat_template,
            bos_text=self.bos_text,
            eos_text=self.eos_text,
            description=self.description,
            facts=ModelFacts(device=f"{self.kind.name} {self.version}".rstrip()),
            loaded_at=loaded_at,
            fingerprint=f"westlake-{VERSION}-{digest}-upstream",
        )


def named_tokens(model: UpstreamModel) -> Mapping[str, str]:
    """The upstream's special tokens, by the names that chat templates have for them."""
    named = {"bos_token": model.bos_text, "eos_token": model.eos_text}
    return {name: text for name, text in named.items() if text}
