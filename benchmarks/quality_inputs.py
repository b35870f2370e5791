"""The token ids that precisions are compared on, fixed so that perplexities can be compared.

Knows nothing about engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from app.prompts.alpaca import render_instruction

TEXTS = Path(__file__).with_name("quality_texts")
NAMES = ("prose", "code", "licence", "chat")
TRANSLATIONS = Path(__file__).parents[1] / "tests/data/demo_translations.tsv"
EOS_ID = 2  #: of the embedded model
SKIPPED = 5


@dataclass(frozen=True, slots=True)
class Sequence:
    """Token ids from an empty cache on."""

    ids: tuple[int, ...]
    first_scored: int = 1  #: index of the first id that counts, at least 1


@dataclass(frozen=True, slots=True)
class Text:
    """What one perplexity is computed over."""

    name: str
    sequences: tuple[Sequence, ...]

    @property
    def tokens(self) -> int:
        """How many ids are scored."""
        return sum(len(each.ids) - each.first_scored for each in self.sequences)


def real_model_texts(checkpoint: Path, starts: int = 1) -> list[Text]:
    """The four files of quality_texts. checkpoint: has the tokenizer.

    starts: how often each is taken, every time SKIPPED tokens later. What comes before a token is
    then nearly the same, but all values are rounded anew, which the difference between two
    precisions depends on by chance.
    """
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    texts = []
    for name in NAMES:
        content = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
        ids = tuple(tokenizer.encode(content).ids)
        texts.append(Text(name, tuple(Sequence(ids[SKIPPED * n :]) for n in range(starts))))
    return texts


def embedded_model_texts(checkpoint: Path) -> list[Text]:
    """Translations that the embedded model was not trained on, into either language. Only the
    answers count: it has learnt nothing else."""
    processor = SentencePieceProcessor(model_file=str(checkpoint / "tokenizer.model"))
    skipped = len(processor.encode("\n"))  # what follows a new line gets no dummy prefix

    def sequence(instruction: str, answer: str) -> Sequence:
        prompt = [processor.bos_id(), *processor.encode(render_instruction(instruction).text)]
        return Sequence((*prompt, *processor.encode(f"\n{answer}")[skipped:], EOS_ID), len(prompt))

    rows = TRANSLATIONS.read_text(encoding="utf-8").splitlines()
    pairs = [row.split("\t")[:2] for row in rows]
    return [
        Text("zh", tuple(sequence(f'Translate "{en}" into Chinese.', zh) for en, zh in pairs)),
        Text("en", tuple(sequence(f"把“{zh}”翻译成英文", en) for en, zh in pairs)),
    ]
