"""A tokenizer for models without one: token i is spelled `i.`.

Knows nothing about torch; tests and benchmarks send token ids and read them back.
"""

from __future__ import annotations

from collections.abc import Sequence


class IdTokenizer:
    """Implements `app.tokenizer.tokenizer.Tokenizer`."""

    bos_id, bos_text, eos_text = 1, "", ""
    chat_template = tool_chat_template = None
    named_tokens: tuple[tuple[str, str], ...] = ()
    special_texts: tuple[str, ...] = ()
    special_ids: tuple[int, ...] = ()

    def __init__(self, vocab_size: int, eos_ids: tuple[int, ...]) -> None:
        self.vocab_size, self.eos_ids = vocab_size, eos_ids
        self.token_bytes = tuple(f"{number}.".encode() for number in range(vocab_size))

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        """Ids of "5.6."."""
        return tuple(int(part) for part in text.split(".") if part)

    def decode(self, ids: Sequence[int]) -> str:
        """The spelling of ids, such as "5.6."."""
        return "".join(f"{number}." for number in ids)
