"""Reads question cards: blocks of alternative wordings with the answer they share.

Knows nothing about what the cards are about or how the samples are rendered.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from training.dialogue import Dialogue


@dataclass
class Turn:
    """One question in many wordings; `held_out` wordings are never trained on."""

    wordings: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    answer: str = ""


@dataclass
class Card:
    """A conversation of one turn or several, each question in many wordings."""

    turns: list[Turn]

    def sample(self, random: Random) -> Dialogue:
        texts: list[str] = []
        for turn in self.turns:
            texts += [random.choice(turn.wordings), turn.answer]
        return Dialogue(tuple(texts))

    def held_out(self) -> list[Dialogue]:
        """One conversation for every held-out wording, earlier turns in their first wording."""
        found, before = [], list[str]()
        for turn in self.turns:
            found += [Dialogue((*before, q, turn.answer)) for q in turn.held_out]
            before += [turn.wordings[0], turn.answer]
        return found


def read_cards(path: Path) -> list[Card]:
    """Blocks are separated by empty lines; `\\n` in an answer is a line break."""
    cards: list[Card] = []
    block: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("#"):
            continue
        if line.strip():
            block.append(line)
        elif block:
            cards.append(_card(block, path))
            block = []
    return cards


def _card(block: list[str], path: Path) -> Card:
    turns: list[Turn] = [Turn()]
    for line in block:
        mark, text = line[0], line[1:].strip()
        if turns[-1].answer:
            turns.append(Turn())
        if mark == "?":
            turns[-1].wordings += _alternatives(text)
        elif mark == "~":
            turns[-1].held_out += _alternatives(text)
        elif mark == "!":
            turns[-1].answer = text.replace("\\n", "\n")
        else:
            raise ValueError(f"{path.name}: a line begins with none of ? ~ ! #: {line}")
    if not all(turn.wordings and turn.answer for turn in turns):
        raise ValueError(f"{path.name}: a card lacks a question or an answer: {block[0]}")
    return Card(turns)


def _alternatives(text: str) -> list[str]:
    return [part.strip() for part in text.split("|")]
