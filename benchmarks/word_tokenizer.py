"""The tokenizer of the random models: nearly every token is a blank and three letters.

Knows nothing about models. A byte-level BPE that transformers and GGUF readers both understand,
so that one text has the same number of tokens on every server. No token holds a part of a
character: no server ever has to wait for the rest of one.
"""

from __future__ import annotations

import itertools
import json
import random
import string
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ("<unk>", "<s>", "</s>")
#: How byte-level vocabularies write a blank and a line's end.
BLANK, NEWLINE = "Ġ", "Ċ"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id, and the pairs that are merged, most urgent first."""

    tokens: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]


def vocabulary(size: int) -> Vocabulary:
    """A vocabulary of `size` tokens: the letters' words first, then numbers to fill it."""
    letters = string.ascii_lowercase
    single = [BLANK, NEWLINE, *sorted(set(string.printable) - set(string.whitespace))]
    starts = [BLANK, *(BLANK + letter for letter in letters)]
    starts += [BLANK + a + b for a, b in itertools.product(letters, repeat=2)]
    merges = list(itertools.product(starts, letters))
    digits: list[str] = [BLANK]
    for length in itertools.count(1):
        room = size - len(SPECIAL) - len(single) - len(merges)
        if room <= 0:
            break
        more = itertools.islice(itertools.product(digits, string.digits), room)
        added = list(more)
        merges += added
        digits = [a + b for a, b in added]
        assert length < 9, "the words fill any vocabulary of a real model"
    tokens = (*SPECIAL, *single, *(a + b for a, b in merges))
    return Vocabulary(tokens[:size], tuple(merges[: size - len(SPECIAL) - len(single)]))


def write_tokenizer(directory: Path, size: int) -> None:
    """Write tokenizer.json and tokenizer_config.json unless they are there.

    Raises: SystemExit for a directory with a `tokenizer.model`: that is somebody's real model.
    """
    if (directory / "tokenizer.model").exists():
        raise SystemExit(f"{directory} has a tokenizer of its own: name another for a random model")
    path = directory / "tokenizer.json"
    if path.exists() and path.stat().st_size:
        return
    made = vocabulary(size)
    ids = {token: number for number, token in enumerate(made.tokens)}
    tokenizer = Tokenizer(models.BPE(ids, list(made.merges), unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(path))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def words(count: int, seed: object) -> str:
    """A text of `count` random words, which are as many tokens; the same for a seed."""
    draw = random.Random(repr(seed))
    return "".join(" " + "".join(draw.choices(string.ascii_lowercase, k=3)) for _ in range(count))
