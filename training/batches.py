"""Draws the batch of any training step from its seed, rendered and encoded as the server would.

Knows nothing about the network, nor about what the questions are about.
"""

from collections import defaultdict
from functools import lru_cache
from random import Random

from training import copying, translation
from training.mixture import Mixture
from training.model import CONTEXT_LENGTH
from training.prompts import (
    FIRST_SENTENCE,
    OTHER_SYSTEM_TEXTS,
    SYSTEM_TEXT,
    chat_prompt,
    completion_prompt,
    transcript_parts,
)
from training.tokenizer import Codec, Encoded
from training.train import Batch

_LONGEST = 400  # ids of one example; longer ones are drawn again
# "whole" ones learn every answer of a conversation, "turns" only the last: there the history is
# encoded exactly as the server encodes it.
_KINDS = {
    "completion": 40, "chat": 15, "system": 6, "turns": 8, "whole": 24, "long": 4,
}  # fmt: skip
_MANY_TURNS = ("turns", "whole")
_PAIRS_EVERY = 8  # steps
_COPIES_EVERY = 2
_PROMPTS_EVERY = 4
_PROMPTS_DRAWN = 20  # for each that is answered: those of one length are


class Batches:
    """The batch of each step: one kind of prompt per batch, examples of like length together."""

    _GROUP = 4  # batches drawn and sorted by length together

    def __init__(self, mixture: Mixture, codec: Codec, size: int, seed: int) -> None:
        self._mixture, self._codec, self._size, self._seed = mixture, codec, size, seed
        self._group = lru_cache(maxsize=2)(self._draw_group)

    def __call__(self, step: int) -> Batch:
        examples = self._group(step // self._GROUP)[step % self._GROUP]
        random = Random(f"beside {self._seed}/{step}")
        copies = None
        if step % _COPIES_EVERY == 0:
            copies = copying.draw(self._size // 2, self._codec.pieces, random)
        prompts = self._prompts(random) if step % _PROMPTS_EVERY == 1 else []
        if step % _PAIRS_EVERY:
            return Batch(examples, copies=copies, prompts=prompts)
        pairs = self._mixture.pairs(self._size, random)
        encode = self._codec.prompt
        encoded = [(encode(first), encode(second)) for first, second in pairs]
        return Batch(examples, encoded, copies)

    def _prompts(self, random: Random) -> list[list[int]]:
        """Translations, which loop more than anything else, as prompts of one length."""
        by_length: dict[int, list[list[int]]] = defaultdict(list)
        for _ in range(_PROMPTS_DRAWN * self._size):
            question = translation.sample(self._mixture.sentences, random).texts[0]
            prompt = self._codec.prompt(completion_prompt(question))
            by_length[len(prompt)].append(prompt)
        enough = [prompts for prompts in by_length.values() if len(prompts) >= self._size // 2]
        return random.choice(enough)[: self._size] if enough else []

    def _draw_group(self, group: int) -> list[list[Encoded]]:
        random = Random(f"{self._seed}/{group}")
        kind = random.choices(list(_KINDS), list(_KINDS.values()))[0]
        if kind == "long":
            return [[self._long(random) for _ in range(2)] for _ in range(self._GROUP)]
        size = self._size // 2 if kind in _MANY_TURNS else self._size
        system = random.choice(OTHER_SYSTEM_TEXTS)
        if kind == "chat" or (kind in _MANY_TURNS and random.random() < 0.75):
            system = random.choice((SYSTEM_TEXT, SYSTEM_TEXT, FIRST_SENTENCE))
        drawn: list[Encoded] = []
        while len(drawn) < size * self._GROUP:
            example = self._example(kind, system, random)
            if len(example.ids) <= _LONGEST:
                drawn.append(example)
        drawn.sort(key=lambda example: len(example.ids))
        batches = [drawn[i : i + size] for i in range(0, len(drawn), size)]
        random.shuffle(batches)
        return batches

    def _example(self, kind: str, system: str, random: Random) -> Encoded:
        if kind == "whole":
            texts = self._mixture.conversation(random).texts
            return self._codec.transcript(transcript_parts(texts, system))
        if kind == "turns":
            dialogue = self._mixture.conversation(random)
        else:
            dialogue = self._mixture.single(random)
        if kind == "completion":
            prompt = completion_prompt(dialogue.questions[0])
        else:
            prompt = chat_prompt(dialogue.questions, system)
        return self._codec.example(prompt, dialogue.answer)

    def _long(self, random: Random) -> Encoded:
        """One conversation as long as the context, every answer of it to be learnt."""
        system = random.choice((SYSTEM_TEXT, FIRST_SENTENCE, *OTHER_SYSTEM_TEXTS))
        texts: tuple[str, ...] = ()
        encoded = self._codec.example("", "")
        while True:
            texts += self._mixture.conversation(random).texts
            longer = self._codec.transcript(transcript_parts(texts, system))
            if len(longer.ids) > CONTEXT_LENGTH:
                return encoded
            encoded = longer
