"""Compares the vocabulary sizes of tokenizer, base model and LoRAs, and finds untrained ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.errors import StartupError

#: Most rows of a vocabulary: eight times the largest published one.
MAX_TOKENS = 2**21
#: Training code pads a vocabulary to a multiple of at most this many rows.
_PADDING = 128
_PADDING_STEP = 8


@dataclass(frozen=True, slots=True)
class TrainedRows:
    """Trained rows of embedding and lm_head, one per token."""

    embedding: int
    head: int


@dataclass(frozen=True, slots=True)
class VocabSize:
    """The size of a tokenizer."""

    total: int  #: one more than the largest token id
    text: int  #: ids from this on are special tokens, which plain text is never encoded to


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The vocabulary of base model, LoRAs and tokenizer together."""

    base: int  #: rows of the base model
    trained: TrainedRows  #: rows trained by the base model or a LoRA
    tokens: int  #: of the tokenizer
    trained_ids: frozenset[int] = frozenset()  #: single trained ids beyond these rows

    @property
    def rows(self) -> int:
        """Rows that embedding and lm_head need, one for every token."""
        return max(self.tokens, self.trained.embedding, self.trained.head, self._last_id + 1)

    @property
    def untrained(self) -> tuple[int, ...]:
        """Tokens with untrained rows, which must never be sampled."""
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
    """Compare the tokenizer in `tokenizer` with the rows that base model and `loras` trained.

    text_tokens: see `VocabSize.text`; saved_by: the last LoRA with its own embeddings.

    Raises:
        StartupError: it has untrained tokens, or is not the tokenizer of `saved_by`.
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
