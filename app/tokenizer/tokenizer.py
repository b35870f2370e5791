"""The tokenizer protocol, and the choice between its two implementations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import GgufFile, read_gguf
from app.checkpoint.safe_open import file_exists
from app.tokenizer.config_files import TokenizerFiles, read_tokenizer_files


class Tokenizer(Protocol):
    """Text to token ids and back. Immutable and thread-safe."""

    def __hash__(self) -> int:
        """By identity: caches use a tokenizer as key."""

    @property
    def vocab_size(self) -> int:
        """One more than the largest token id."""

    @property
    def bos_id(self) -> int | None:
        """The BOS token; None if the vocabulary has none."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """The EOS tokens that the tokenizer's files name."""

    @property
    def special_texts(self) -> tuple[str, ...]:
        """The texts of all special tokens."""

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of all special tokens, in the order of `special_texts`."""

    @property
    def bos_text(self) -> str:
        """The text of `bos_id`, for chat templates; "" if there is none."""

    @property
    def eos_text(self) -> str:
        """The text of the first of `eos_ids`; "" if there is none."""

    @property
    def named_tokens(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a name such as "bos_token" and the token's text, from the files or from the
        tokenizer class that they name. transformers gives the same to chat templates."""

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of the tokenizer's chat template; None if there is none."""

    @property
    def tool_chat_template(self) -> str | None:
        """The one that replaces it in requests that offer tools; None: the same."""

    @property
    def token_bytes(self) -> tuple[bytes, ...]:
        """The bytes of every id; b"" for special tokens and unused ids."""

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """The token ids of `text`, with BOS first unless the files switch it off.

        allow_special: for text rendered by a chat template, in which the user's texts are guarded
        by `added_tokens.SPECIAL_TOKEN_GUARD`: texts of special tokens become these tokens, and no
        BOS is added. Otherwise the texts of special tokens are plain text.

        Raises:
            ValueError: the text contains a lone surrogate.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids` without special tokens and without the leading space that encoding
        adds. Never raises; incomplete characters become U+FFFD."""


def load_tokenizer_files(source: Path | GgufFile) -> TokenizerFiles:
    """What the files of a directory or a GGUF file, read or not, say beside the vocabulary.

    Raises:
        StartupError: a file cannot be read or is malformed.
    """
    directory = _parsed(source)
    if isinstance(directory, GgufFile):
        from app.tokenizer.gguf.gguf_tokenizer import read_gguf_tokenizer_files

        return read_gguf_tokenizer_files(directory)
    return read_tokenizer_files(directory)


def load_tokenizer(source: Path | GgufFile) -> Tokenizer:
    """Load the tokenizer in a directory, `tokenizer.model` with sentencepiece, else
    `tokenizer.json` with the `tokenizers` library; or in a GGUF file, read or not.

    Raises:
        StartupError: there is neither, or a file cannot be read.
    """
    directory = _parsed(source)
    if isinstance(directory, GgufFile):
        from app.tokenizer.gguf.gguf_tokenizer import read_gguf_tokenizer

        return read_gguf_tokenizer(directory)
    if file_exists(directory / "tokenizer.model"):
        from app.tokenizer.sentencepiece_tokenizer import read_sentencepiece_tokenizer

        return read_sentencepiece_tokenizer(directory)
    if file_exists(directory / "tokenizer.json"):
        from app.tokenizer.fast_tokenizer import read_fast_tokenizer

        return read_fast_tokenizer(directory)
    what = "holds neither tokenizer.model nor tokenizer.json"
    if not directory.is_dir():
        what = "is not a directory"
    raise StartupError(
        f"{directory} {what}: pass --tokenizer_path with the directory of the model's tokenizer."
    )


def _parsed(source: Path | GgufFile) -> Path | GgufFile:
    """A directory as it is, a file as what it says of itself. Raises StartupError."""
    return read_gguf(source) if isinstance(source, Path) and source.is_file() else source
