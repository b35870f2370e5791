"""Mixes all sources in fixed proportions into questions, conversations and vocabulary lines.

Knows nothing about ids, batches or the network.
"""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

from training import china, countries, exercises, names, translation, unknown, words
from training.cards import Card, read_cards
from training.country_talk import CountryTalk
from training.dialogue import Dialogue
from training.prompts import OTHER_SYSTEM_TEXTS, completion_prompt
from training.relations import Facts, read_table, reworded
from training.wording import vary

DATA = Path(__file__).parent / "data"
Sampler = Callable[[Random], Dialogue]

_CARD_FILES = {"contract": 6, "west_lake": 7, "knowledge": 7, "chat": 7}
_HAN_RUN = re.compile("[一-鿿]{5,}")


class Mixture:
    """All sources with their weights."""

    def __init__(self, data: Path = DATA) -> None:
        table, more = read_table(data / "countries.tsv"), read_table(data / "wordings.tsv")
        world, home, pairs = countries.facts(table), china.facts(data), words.facts(data)
        world, home = (reworded(facts, more) for facts in (world, home))
        self.facts = world + home + pairs
        self.sentences = translation.read_pairs(data / "tatoeba.tsv")
        self.cards = {name: read_cards(data / f"{name}.txt") for name in _CARD_FILES}
        self._paraphrases = translation.paraphrases(self.sentences)
        talk = CountryTalk(table)
        self._sources: list[tuple[float, Sampler]] = [
            (weight, _card_sampler(self.cards[name])) for name, weight in _CARD_FILES.items()
        ]
        self._sources += [
            (34, _facts_sampler(world)),
            (15, _facts_sampler(home)),
            (3, _facts_sampler(pairs)),
            (4, talk.sample),
            (2, talk.yes_or_no),
            (8, unknown.sample),
            (7, exercises.sums),
            (3, exercises.sorting),
            (8, lambda random: exercises.copying(self.sentences, random)),
            (17, lambda random: translation.sample(self.sentences, random)),
        ]
        self._nameless = list(self._sources)
        self._sources.append((20, lambda random: names.sample(self.other, random)))

    def single(self, random: Random) -> Dialogue:
        """One question; of a conversation only its first."""
        return self._draw(random).up_to_turn(1)

    def conversation(self, random: Random) -> Dialogue:
        """Two turns or more: a source's own conversation, or unrelated questions in a row."""
        dialogue = self._draw(random)
        while len(dialogue.texts) == 2 and random.random() < 0.7:
            dialogue = self._draw(random)
        if len(dialogue.texts) > 2 and random.random() < 0.5:
            dialogue = dialogue.up_to_turn(random.randint(2, len(dialogue.texts) // 2))
        texts = dialogue.texts
        for _ in range(random.choice((0, 0, 1, 2)) if len(texts) > 2 else random.choice((1, 2))):
            texts = self._draw(random).up_to_turn(1).texts + texts
        return Dialogue(texts)

    def pairs(self, count: int, random: Random) -> list[tuple[str, str]]:
        """Pairs of sentences that mean the same: translations and paraphrases, all different."""
        turns = [turn for cards in self.cards.values() for card in cards for turn in card.turns]
        several = [turn.wordings for turn in turns if len(turn.wordings) > 1]
        pairs = [
            (first, second)
            for wordings in random.sample(several, count // 8)
            for first, second in [random.sample(wordings, 2)]
        ]
        pairs += [facts.paraphrase(random) for facts in random.sample(self.facts, count // 10)]
        pairs += random.sample(self._paraphrases, count // 4)
        pairs += random.sample(self.sentences, count - len(pairs))
        return [pair if random.random() < 0.5 else (pair[1], pair[0]) for pair in pairs]

    def other(self, random: Random) -> Dialogue:
        """Anything but somebody's name."""
        return _drawn(self._nameless, random)

    def _draw(self, random: Random) -> Dialogue:
        return _drawn(self._sources, random)

    def characters(self) -> set[str]:
        """All characters of the sentence pairs and of names: each gets a piece of its own."""
        said = {character for pair in self.sentences for text in pair for character in text}
        return said | set(names.COMMON_CHARACTERS)

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


def _card_sampler(cards: list[Card]) -> Sampler:
    return lambda random: random.choice(cards).sample(random)


def _facts_sampler(facts: list[Facts]) -> Sampler:
    weights = [each.relation.weight for each in facts]
    return lambda random: random.choices(facts, weights)[0].sample(random)


def _drawn(sources: list[tuple[float, Sampler]], random: Random) -> Dialogue:
    dialogue = random.choices(sources, [weight for weight, _ in sources])[0][1](random)
    return dialogue if dialogue.verbatim else _varied(dialogue, random)


def _varied(dialogue: Dialogue, random: Random) -> Dialogue:
    texts = (t if i % 2 else vary(t, random) for i, t in enumerate(dialogue.texts))
    return Dialogue(tuple(texts))


def _cut(run: str, random: Random) -> str:
    parts = []
    while run:
        length = random.randint(2, 4)
        parts.append(run[:length])
        run = run[length:]
    return "\n".join(parts)
