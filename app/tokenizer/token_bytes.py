"""Tells the bytes of a token from the way a vocabulary writes it.

Knows nothing about files or about encoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, slots=True)
class TokenTextFormat:
    """How the tokens of one vocabulary are written."""

    byte_level: bool  #: one printable character stands for each byte, as in GPT-2
    byte_fallback: bool  #: `<0xAB>` is a byte
    space: str  #: what stands for a blank, where it is not `byte_level`
    strips_leading_space: bool  #: encoding puts a blank before a text, decoding takes it away


def token_text_to_bytes(text: str, spelling: TokenTextFormat) -> bytes:
    """The bytes of the token written as `text`."""
    if spelling.byte_level:
        try:
            return bytes(_BYTE_OF_CHARACTER[character] for character in text)
        except KeyError:  # not a byte-level spelling: an added token's own text
            return text.encode()
    if spelling.byte_fallback and (match := _BYTE.fullmatch(text)):
        return bytes([int(match[1], 16)])
    return text.replace(spelling.space, " ").encode()


def _byte_characters() -> dict[str, int]:
    """GPT-2's writing of bytes: printable Latin-1 stands for itself, each other byte, in
    order, for a character from U+0100 on."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in itself]
    table = {chr(byte): byte for byte in itself}
    table.update({chr(0x100 + n): byte for n, byte in enumerate(others)})
    return table


_BYTE_OF_CHARACTER = _byte_characters()
