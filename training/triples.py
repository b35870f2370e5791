"""Triples of sentences for the embeddings: one, another of the same meaning, an unrelated one.

Knows nothing about vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from training.mixture import Mixture
from training.questions import SEED, held_out_pairs
from training.wording import is_chinese


@dataclass(frozen=True)
class Triple:
    """`unrelated` is in the sentence's language and as long as it, give or take a fifth."""

    kind: str
    sentence: str
    like: str
    unrelated: str


def triples(mixture: Mixture, translations: int = 200, paraphrases: int = 100) -> list[Triple]:
    """Held-out translations, asked from both sides, and held-out wordings of the cards."""
    random = Random(SEED)
    pairs = held_out_pairs()
    random.shuffle(pairs)
    english, chinese = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = []
    for en, zh in pairs:
        sentence, like, others = (en, zh, english) if random.random() < 0.5 else (zh, en, chinese)
        if other := _unrelated(sentence, others, random):
            found.append(Triple("translation", sentence, like, other))
    return found[:translations] + _of_cards(mixture, random)[:paraphrases]


def _of_cards(mixture: Mixture, random: Random) -> list[Triple]:
    """A held-out wording, a trained one of the same turn, a held-out one of another card."""
    turns = [turn for cards in mixture.cards.values() for card in cards for turn in card.turns]
    held = [(held, turn) for turn in turns for held in turn.held_out]
    random.shuffle(held)
    found = []
    for wording, turn in held:
        others = [other for other, owner in held if owner.answer != turn.answer]
        if other := _unrelated(wording, others, random):
            like = random.choice(turn.wordings)
            found.append(Triple("paraphrase", wording, like, other))
    return found


def _unrelated(sentence: str, others: Sequence[str], random: Random) -> str | None:
    fitting = [
        other
        for other in others
        if other != sentence
        and is_chinese(other) == is_chinese(sentence)
        and 0.8 * len(sentence) <= len(other) <= 1.2 * len(sentence)
    ]
    return random.choice(fitting) if fitting else None
