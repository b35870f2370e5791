"""Text from token ids: nothing raises, nothing said is taken back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from app.tokenizer.detokenizer import IncrementalDetokenizer, decode_all
from app.tokenizer.tokenizer import load_tokenizer

BYTES = tuple(bytes([byte]) for byte in range(256))


def pieces_of(decoder: IncrementalDetokenizer, ids: list[int]) -> list[str]:
    return [*map(decoder.push, ids), decoder.finish()]


def test_ten_thousand_random_sequences(sp_directory: Path) -> None:
    table = load_tokenizer(sp_directory).token_bytes
    dice = random.Random(20230607)
    strange = 0
    for _ in range(10_000):
        ids = [
            dice.randrange(3, 259) if dice.random() < 0.5 else dice.randrange(-2, len(table) + 2)
            for _ in range(dice.randrange(40))
        ]
        text = "".join(pieces_of(IncrementalDetokenizer(table), ids))
        known = b"".join(table[token_id] for token_id in ids if 0 <= token_id < len(table))
        assert text == known.decode("utf-8", errors="replace")
        assert text == decode_all(table, ids)
        strange += "\ufffd" in text
    assert strange > 5_000  # the sequences are as unkind as they should be


def test_two_decoders_do_not_meet(sp_directory: Path) -> None:
    table = load_tokenizer(sp_directory).token_bytes
    dice = random.Random(7)
    sequences = [[dice.randrange(3, 400) for _ in range(200)] for _ in range(20)]
    decoders = [IncrementalDetokenizer(table) for _ in sequences]
    texts = [""] * len(sequences)
    left = [list(ids) for ids in sequences]
    while any(left):
        at = dice.choice([n for n, ids in enumerate(left) if ids])
        texts[at] += decoders[at].push(left[at].pop(0))
    texts = [text + decoder.finish() for text, decoder in zip(texts, decoders, strict=True)]
    assert texts == [decode_all(table, ids) for ids in sequences]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("中".encode(), ["", "", "中", ""]),
        ("😀".encode(), ["", "", "", "😀", ""]),
        (b"\n\xe4", ["\n", "", "\ufffd"]),
        (b"\n\x80\n", ["\n", "\ufffd", "\n", ""]),
        (b"\xe4A", ["", "\ufffdA", ""]),
        (b"\xe4\xb8\xe4\xb8\xad", ["", "", "\ufffd", "", "中", ""]),
        (b"\xff\xc0\xed\xa0\x80", ["\ufffd", "\ufffd", "", "", "\ufffd" * 3, ""]),
        (b" a\0", [" ", "a", "\0", ""]),
    ],
)
def test_bytes_are_decided_once_and_as_soon_as_certain(data: bytes, expected: list[str]) -> None:
    assert pieces_of(IncrementalDetokenizer(BYTES), list(data)) == expected


def test_half_a_character_survives_a_control_token() -> None:
    decoder = IncrementalDetokenizer((b"\xe4\xb8", b"", b"\xad"))
    assert pieces_of(decoder, [0, 1, 99, -1, 2]) == ["", "", "", "", "中", ""]


def test_finish_leaves_a_fresh_decoder() -> None:
    decoder = IncrementalDetokenizer(BYTES)
    assert pieces_of(decoder, [0xE4]) == ["", "\ufffd"]
    assert pieces_of(decoder, list("中".encode())) == ["", "", "中", ""]
