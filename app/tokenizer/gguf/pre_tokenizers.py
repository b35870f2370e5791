"""How byte-level BPE cuts text into words, by the name in tokenizer.ggml.pre.

A wrong cut gives other ids without any error, so unknown names are refused. The names are
llama.cpp's; the patterns are those in the tokenizer.json of the models they are named after, which
llama.cpp writes without the parts that its own regular expressions lack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields

_KEY = "tokenizer.ggml.pre"


@dataclass(frozen=True, slots=True)
class PreTokenizer:
    """What a tokenizer.json says beside vocabulary and merges."""

    #: Each cuts what the ones before it have left, into matches and what is between them.
    patterns: tuple[str, ...]
    gpt2_words: bool = False  #: then GPT-2's pattern, which `tokenizers` has built in
    ignore_merges: bool = False  #: a word that is a token is taken as it is
    add_bos: bool = False  #: unless the file says otherwise
    nfc: bool = False  #: texts are normalized to NFC first

    @property
    def steps(self) -> dict[str, Any]:
        """The pre_tokenizer of a tokenizer.json."""
        splits: list[dict[str, Any]] = [
            {
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Isolated",
                "invert": False,
            }
            for pattern in self.patterns
        ]
        bytes_step = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": self.gpt2_words,
        }
        return {"type": "Sequence", "pretokenizers": [*splits, bytes_step]}


_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_END = r"\s*[\r\n]+|\s+(?!\S)|\s+"


def _words(digits: str, letters: str = r"\p{L}", not_letters: str = r"\p{L}\p{N}") -> str:
    """The pattern of OpenAI's cl100k, with another rule for `digits`."""
    return (
        rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?{letters}+|{digits}"
        rf"| ?[^\s{not_letters}]+[\r\n]*|{_END}"
    )


_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def _cased_words(suffix: str, digits: str) -> str:
    """The pattern of OpenAI's o200k, with contractions or without."""
    start = r"[^\r\n\p{L}\p{N}]?"
    return (
        rf"{start}{_UPPER}*{_LOWER}+{suffix}|{start}{_UPPER}+{_LOWER}*{suffix}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_END}"
    )


_GPT2 = PreTokenizer((), gpt2_words=True)
_DIGITS = PreTokenizer((r"\p{N}",), gpt2_words=True)
_LLAMA3 = _words(r"\p{N}{1,3}")
_QWEN2 = _words(r"\p{N}")
_TABLE: Mapping[tuple[str, ...], PreTokenizer] = {
    ("gpt-2", "phi-2", "olmo", "mellum", "trillion", "gigachat", "a.x-4.0"): _GPT2,
    ("smollm", "starcoder", "refact", "minerva-7b"): _DIGITS,
    ("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0"): PreTokenizer(
        (_LLAMA3,), ignore_merges=True, add_bos=True
    ),
    ("smaug-bpe", "dbrx"): PreTokenizer((_LLAMA3,)),
    ("qwen2",): PreTokenizer((_QWEN2,), nfc=True),
    ("deepseek-r1-qwen", "megrez", "kormo"): PreTokenizer((_QWEN2,)),
    ("qwen35",): PreTokenizer((_words(r"\p{N}", r"[\p{L}\p{M}]", r"\p{L}\p{M}\p{N}"),), nfc=True),
    ("tekken",): PreTokenizer((_cased_words("", r"\p{N}"),), ignore_merges=True, add_bos=True),
    ("gpt-4o", "llama4", "kanana2"): PreTokenizer(
        (_cased_words(f"{_CONTRACTIONS}?", r"\p{N}{1,3}"),)
    ),
    ("seed-coder",): PreTokenizer(
        (
            rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|"
            + _END,
        )
    ),
    ("deepseek-coder",): PreTokenizer(
        (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}")
    ),
    ("deepseek-v3",): PreTokenizer(
        (
            r"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_END}",
        )
    ),
    ("default",): PreTokenizer(
        (
            r"[\p{P}\$\+<=>\^~\|]+",
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
            r"\p{N}+",
            "[0-9][0-9][0-9]",
        )
    ),
}
PRE_TOKENIZERS = {name: entry for names, entry in _TABLE.items() for name in names}


def find_pre_tokenizer(metadata: Fields) -> PreTokenizer:
    """The one that a file names.

    Raises:
        StartupError: it names none, or one that is not known.
    """
    name = metadata.text(_KEY, "")
    if name not in PRE_TOKENIZERS:
        what = f"the pre-tokenizer {name!r} is not known" if name else "no pre-tokenizer is named"
        raise StartupError(
            f"{metadata.source}: {what} ({_KEY}), and a wrong one would give other tokens; pass "
            "the directory of the original model's tokenizer with --tokenizer_path"
        )
    return PRE_TOKENIZERS[name]


def adds_bos(metadata: Fields) -> bool:
    """Whether texts begin with BOS in models with the named pre-tokenizer; False if it is not
    known."""
    entry = PRE_TOKENIZERS.get(metadata.text(_KEY, ""))
    return entry is not None and entry.add_bos
