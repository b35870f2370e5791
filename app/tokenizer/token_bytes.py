"""Converts a token's text in the vocabulary into the bytes that the token stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, slots=True)
class TokenTextFormat:
    """How a vocabulary writes its tokens."""

    byte_level: bool  #: one printable character for each byte, as in GPT-2
    byte_fallback: bool  #: `<0xAB>` is a byte
    space: str  #: stands for a space, unless `byte_level`
    strips_leading_space: bool  #: encoding adds a space before a text, decoding removes it


def token_text_to_bytes(text: str, text_format: TokenTextFormat) -> bytes:
    """The bytes of the token written as `text`."""
    if text_format.byte_level:
        try:
            return bytes(_BYTE_OF_CHARACTER[character] for character in text)
        except KeyError:  # not byte-level: the text of an added token
            return text.encode()
    if text_format.byte_fallback and (match := _BYTE.fullmatch(text)):
        return bytes([int(match[1], 16)])
    return text.replace(text_format.space, " ").encode()


def _byte_characters() -> dict[str, int]:
    """GPT-2's table (`bytes_to_unicode`): printable Latin-1 characters stand for their own byte,
    characters from U+0100 on for the other bytes in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + n): byte for n, byte in enumerate(others)})
    return table


_BYTE_OF_CHARACTER = _byte_characters()
