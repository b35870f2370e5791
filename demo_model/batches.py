"""Draws the batch of any training step from its seed, rendered and encoded as the server would.

Knows nothing about the network, nor about what the questions are about.
"""

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from demo_model.mixture import Mixture
from demo_model.prompts import (
    FIRST_SENTENCE,
    OTHER_SYSTEM_TEXTS,
    SYSTEM_TEXT,
    chat_prompt,
    completion_prompt,
)
from demo_model.tokenizer import Codec, Encoded

_LONGEST = 400  # ids; longer examples are drawn again


class Batches:
    """The batch of each step: one kind of prompt per batch, examples of like length together."""

    _GROUP = 4  # batches drawn and sorted by length together

    def __init__(self, mixture: Mixture, codec: Codec, size: int, seed: int) -> None:
        self._mixture, self._codec, self._size, self._seed = mixture, codec, size, seed
        self._group = lru_cache(maxsize=2)(self._draw_group)

    def __call__(self, step: int) -> Sequence[Encoded]:
        return self._group(step // self._GROUP)[step % self._GROUP]

    def _draw_group(self, group: int) -> list[Sequence[Encoded]]:
        random = Random(f"{self._seed}/{group}")
        kind = random.choices(("completion", "chat", "system", "turns"), (45, 20, 10, 25))[0]
        size = self._size // 2 if kind == "turns" else self._size
        system = random.choice(OTHER_SYSTEM_TEXTS)
        if kind == "chat" or (kind == "turns" and random.random() < 0.75):
            system = random.choice((SYSTEM_TEXT, SYSTEM_TEXT, FIRST_SENTENCE))
        drawn: list[Encoded] = []
        while len(drawn) < size * self._GROUP:
            example = self._example(kind, system, random)
            if len(example.ids) <= _LONGEST:
                drawn.append(example)
        drawn.sort(key=lambda example: len(example.ids))
        batches = [drawn[i : i + size] for i in range(0, len(drawn), size)]
        random.shuffle(batches)
        return list(batches)

    def _example(self, kind: str, system: str, random: Random) -> Encoded:
        if kind == "turns":
            dialogue = self._mixture.conversation(random)
        else:
            dialogue = self._mixture.single(random)
        if kind == "completion":
            prompt = completion_prompt(dialogue.questions[0])
        else:
            prompt = chat_prompt(dialogue.questions, system)
        return self._codec.example(prompt, dialogue.answer)
