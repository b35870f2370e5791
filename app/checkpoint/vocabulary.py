"""Whether a tokenizer and a model have the same vocabulary, and which ids may be sampled.

Knows nothing about how text is split: it compares numbers of tokens and of trained rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.errors import StartupError

#: Rows of a vocabulary: eight times those of the largest there are.
MAX_TOKENS = 2**21
#: Trainings round a vocabulary up to multiples of at most this many rows.
_PADDING = 128
_PADDING_STEP = 8


@dataclass(frozen=True, slots=True)
class Rows:
    """Trained rows of the two matrices whose rows are tokens."""

    embedding: int
    head: int


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How large a tokenizer is."""

    all: int  #: ids at or above this are not tokens
    text: int  #: ids at or above this are control tokens, which no plain text becomes


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The vocabulary of base model, LoRAs and tokenizer together."""

    base: int  #: rows of the base model
    trained: Rows  #: rows that the base model or a LoRA trained
    tokens: int  #: of the tokenizer
    trained_ids: frozenset[int] = frozenset()  #: beyond those rows, trained one by one

    @property
    def rows(self) -> int:
        """Rows that embedding and head need, so that every token has one."""
        return max(self.tokens, self.trained.embedding, self.trained.head, self._last_id + 1)

    @property
    def untrained(self) -> tuple[int, ...]:
        """Tokens whose rows nobody trained: never to be sampled."""
        beyond = range(self.trained.head, self.tokens)
        return tuple(token for token in beyond if token not in self.trained_ids)

    @property
    def _last_id(self) -> int:
        return max(self.trained_ids, default=-1)


def check_vocabulary(
    vocabulary: Vocabulary,
    text_tokens: int,
    tokenizer: Path,
    loras: tuple[Path, ...],
    saved_by: Path | None,
) -> None:
    """Compare the tokenizer in `tokenizer` with what base model and `loras` trained; `saved_by`
    is the last LoRA that brings embeddings of its own.

    Raises:
        StartupError: it has tokens that nobody trained, or is not that LoRA's.
    """
    trained, tokens = vocabulary.trained.embedding, vocabulary.tokens
    if text_tokens > trained and not set(range(trained, text_tokens)) <= vocabulary.trained_ids:
        if loras:
            raise StartupError(
                f"the tokenizer in {tokenizer} has {tokens} tokens, but base model and LoRA "
                f"trained only {trained}: pass the directory of the LoRA's own with "
                "--tokenizer_path"
            )
        raise StartupError(
            f"the tokenizer in {tokenizer} has {tokens} tokens, the model's vocabulary only "
            f"{trained}: pass the model's own with --tokenizer_path, or the LoRA that brings the "
            "others with --lora_model"
        )
    if saved_by is not None and tokens < trained and not _padded(tokens, trained):
        raise StartupError(
            f"the LoRA in {saved_by} was trained with {trained} tokens, but the tokenizer in "
            f"{tokenizer} has {tokens}: pass the directory of the LoRA's own with --tokenizer_path"
        )


def _padded(tokens: int, rows: int) -> bool:
    return rows % _PADDING_STEP == 0 and rows - tokens < _PADDING
