"""The one tokenizer face the engine uses, and the choice of who reads a directory.

Knows nothing about either reader's insides.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import is_there


class Tokenizer(Protocol):
    """Text to token ids and back. Never changes; every method may be called from any thread."""

    def __hash__(self) -> int:
        """By identity: what is made for one tokenizer is kept under it."""

    @property
    def vocab_size(self) -> int:
        """Ids at or above this are not tokens."""

    @property
    def bos_id(self) -> int | None:
        """The token a text begins with, if the vocabulary has one."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The tokens that end an answer, as the tokenizer's own files name them."""

    @property
    def special_texts(self) -> tuple[str, ...]:
        """Spellings of all control tokens."""

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Their ids, in the same order."""

    @property
    def bos_text(self) -> str:
        """The spelling of `bos_id`, for templates; "" if there is none."""

    @property
    def eos_text(self) -> str:
        """The spelling of the first of `eos_ids`; "" if there is none."""

    @property
    def named_tokens(self) -> tuple[tuple[str, str], ...]:
        """What its files, or the class they name, call "bos_token", "eos_token" …, and how it
        is spelled: what transformers gives to chat templates."""

    @property
    def chat_template(self) -> str | None:
        """The tokenizer's own chat template, as Jinja source."""

    @property
    def token_bytes(self) -> tuple[bytes, ...]:
        """Each id's bytes; b"" for control tokens and for ids nothing is known of."""

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """Token ids of `text`, BOS first where the files do not say otherwise.

        allow_special: for text rendered by a chat template, in which the user's texts are guarded
        by `added_tokens.SPECIAL_TOKEN_GUARD`: texts of special tokens become these tokens, and no
        BOS is added. Otherwise the texts of special tokens are plain text.

        Raises:
            ValueError: the text holds half a surrogate pair.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, control tokens left out, without the blank that encoding puts
        before a text. Never raises; half characters become U+FFFD."""


def load_tokenizer(directory: Path) -> Tokenizer:
    """Read the tokenizer in `directory`: `tokenizer.model` by sentencepiece itself, else
    `tokenizer.json` by the library under transformers.

    Raises:
        StartupError: there is neither, or a file of it cannot be read.
    """
    if is_there(directory / "tokenizer.model"):
        from app.tokenizer.sentencepiece_tokenizer import SentencePieceTokenizer

        return SentencePieceTokenizer(directory)
    if is_there(directory / "tokenizer.json"):
        from app.tokenizer.fast_tokenizer import FastTokenizer

        return FastTokenizer(directory)
    what = "holds neither tokenizer.model nor tokenizer.json"
    if not directory.is_dir():
        what = "is no directory"
    raise StartupError(
        f"{directory} {what}: pass --tokenizer_path with the directory of the model's tokenizer."
    )
