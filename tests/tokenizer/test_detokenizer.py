"""The incremental detokenizer never raises and never changes text that it returned."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from app.tokenizer.detokenizer import IncrementalDetokenizer, decode_all
from app.tokenizer.tokenizer import load_tokenizer

BYTES = tuple(bytes([byte]) for byte in range(256))


def detokenize(detokenizer: IncrementalDetokenizer, ids: list[int]) -> list[str]:
    return [*map(detokenizer.push, ids), detokenizer.finish()]


def test_ten_thousand_random_sequences(sp_directory: Path) -> None:
    table = load_tokenizer(sp_directory).token_bytes
    rng = random.Random(20230607)
    with_replacement = 0
    for _ in range(10_000):
        ids = [
            rng.randrange(3, 259) if rng.random() < 0.5 else rng.randrange(-2, len(table) + 2)
            for _ in range(rng.randrange(40))
        ]
        text = "".join(detokenize(IncrementalDetokenizer(table), ids))
        known = b"".join(table[token_id] for token_id in ids if 0 <= token_id < len(table))
        assert text == known.decode("utf-8", errors="replace")
        assert text == decode_all(table, ids)
        with_replacement += "\ufffd" in text
    assert with_replacement > 5_000  # most sequences contain invalid UTF-8


def test_detokenizers_do_not_share_state(sp_directory: Path) -> None:
    table = load_tokenizer(sp_directory).token_bytes
    rng = random.Random(7)
    sequences = [[rng.randrange(3, 400) for _ in range(200)] for _ in range(20)]
    detokenizers = [IncrementalDetokenizer(table) for _ in sequences]
    texts = [""] * len(sequences)
    remaining = [list(ids) for ids in sequences]
    while any(remaining):
        index = rng.choice([n for n, ids in enumerate(remaining) if ids])
        texts[index] += detokenizers[index].push(remaining[index].pop(0))
    texts = [
        text + detokenizer.finish() for text, detokenizer in zip(texts, detokenizers, strict=True)
    ]
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
def test_bytes_become_text_as_soon_as_they_are_certain(data: bytes, expected: list[str]) -> None:
    assert detokenize(IncrementalDetokenizer(BYTES), list(data)) == expected


def test_a_special_token_inside_a_character_is_ignored() -> None:
    detokenizer = IncrementalDetokenizer((b"\xe4\xb8", b"", b"\xad"))
    assert detokenize(detokenizer, [0, 1, 99, -1, 2]) == ["", "", "", "", "中", ""]


def test_finish_resets_the_detokenizer() -> None:
    detokenizer = IncrementalDetokenizer(BYTES)
    assert detokenize(detokenizer, [0xE4]) == ["", "\ufffd"]
    assert detokenize(detokenizer, list("中".encode())) == ["", "", "中", ""]
