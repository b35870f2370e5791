"""Mixes all sources in fixed proportions into questions, conversations and vocabulary lines.

Knows nothing about ids, batches or the network.
"""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

from demo_model import countries, small_talk, translation, unknown
from demo_model.cards import Card, read_cards
from demo_model.dialogue import Dialogue
from demo_model.prompts import OTHER_SYSTEM_TEXTS, completion_prompt
from demo_model.wording import vary

DATA = Path(__file__).parent / "data"
Sampler = Callable[[Random], Dialogue]

_HAN_RUN = re.compile("[一-鿿]{5,}")


def _cut(run: str, random: Random) -> str:
    parts = []
    while run:
        length = random.randint(2, 4)
        parts.append(run[:length])
        run = run[length:]
    return "\n".join(parts)


class Mixture:
    """All sources with their weights."""

    def __init__(self, data: Path = DATA) -> None:
        table = countries.read_countries(data / "capitals.tsv")
        pairs = translation.read_pairs(data / "tatoeba_short.tsv")
        self.cards = {name: read_cards(data / f"{name}.txt") for name in _CARD_FILES}
        self._sources: list[tuple[float, Sampler]] = [
            (weight, self._card_sampler(self.cards[name])) for name, weight in _CARD_FILES.items()
        ]
        self._sources += [
            (28, lambda random: countries.sample_question(table, random)),
            (5, lambda random: countries.sample_conversation(table, random)),
            (7, lambda random: unknown.sample(random)),
            (7, lambda random: small_talk.sample(random)),
            (6, lambda random: translation.sample(pairs, random)),
        ]

    @staticmethod
    def _card_sampler(cards: list[Card]) -> Sampler:
        return lambda random: random.choice(cards).sample(random)

    def single(self, random: Random) -> Dialogue:
        """One question; of a conversation only its first."""
        return self._varied(self._draw(random).up_to_turn(1), random)

    def conversation(self, random: Random) -> Dialogue:
        """Two turns or more: a source's own conversation, or unrelated questions in a row."""
        dialogue = self._draw(random)
        while len(dialogue.texts) == 2 and random.random() < 0.7:
            dialogue = self._draw(random)
        if len(dialogue.texts) > 2:
            dialogue = dialogue.up_to_turn(random.randint(2, len(dialogue.texts) // 2))
        texts = dialogue.texts
        for _ in range(random.choice((0, 0, 1, 2)) if len(texts) > 2 else random.choice((1, 2))):
            texts = self._draw(random).up_to_turn(1).texts + texts
        return self._varied(Dialogue(texts), random)

    def _draw(self, random: Random) -> Dialogue:
        weights = [weight for weight, _ in self._sources]
        return random.choices(self._sources, weights)[0][1](random)

    @staticmethod
    def _varied(dialogue: Dialogue, random: Random) -> Dialogue:
        texts = (t if i % 2 else vary(t, random) for i, t in enumerate(dialogue.texts))
        return Dialogue(tuple(texts))

    def texts(self, count: int, seed: int) -> list[str]:
        """Lines for the vocabulary: the templates often, every other text at most once.

        Chinese is cut into runs of two to four characters, so that no piece grows into a whole
        sentence of a card: such a piece would say nothing about the same words elsewhere.
        """
        random = Random(seed)
        template, seen = completion_prompt(""), dict[str, None]()
        for _ in range(count):
            seen.update(dict.fromkeys(self.single(random).texts))
        texts = [template, *OTHER_SYSTEM_TEXTS] * (len(seen) // 10) + list(seen)
        return [_HAN_RUN.sub(lambda run: _cut(run[0], random), text) for text in texts]


_CARD_FILES = {"contract": 18, "west_lake": 14, "knowledge": 9, "chat": 9}
