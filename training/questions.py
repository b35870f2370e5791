"""What the evaluation asks: wordings, facts' forms, names and sentences held out from training.

Knows nothing about the model that answers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from training import exercises, names, translation, unknown
from training.dialogue import Dialogue
from training.mixture import DATA, Mixture
from training.prompts import chat_prompt, completion_prompt
from training.translation import Pair

SEED = 977  # another one than in training: other invented places, other numbers

FRESH = "fresh wordings"


@dataclass(frozen=True)
class Question:
    """A rendered prompt, the one answer that counts as right, and the text asked last."""

    prompt: str
    expected: str
    text: str


def asked(dialogue: Dialogue) -> Question:
    """Single questions through the completions template, conversations through the chat's."""
    single = len(dialogue.questions) == 1
    prompt = completion_prompt(dialogue.texts[0]) if single else chat_prompt(dialogue.questions)
    return Question(prompt, dialogue.answer, dialogue.texts[-2])


def in_chat(dialogue: Dialogue) -> Question:
    return Question(chat_prompt(dialogue.questions), dialogue.answer, dialogue.texts[-2])


def fact_questions(mixture: Mixture) -> dict[str, list[Question]]:
    """Facts by relation and card file, in words that were never trained for them."""
    trained, found = _trained_wordings(mixture), dict[str, list[Question]]()
    for facts in mixture.facts:
        name = facts.relation.name
        for kind, dialogues in (
            ("held-out wordings", facts.unseen_wordings()),
            (FRESH, facts.fresh_wordings()),
            ("the fact's held-out form", facts.unseen_forms()),
        ):
            kept = [d for d in dialogues if _plain(d.texts[0]) not in trained]
            if kept:
                found[f"{name}, {kind}"] = [asked(dialogue) for dialogue in kept]
    for name in ("west_lake", "knowledge", "chat"):
        dialogues = [d for card in mixture.cards[name] for d in card.held_out()]
        found[f"cards {name}, held-out wordings"] = [asked(dialogue) for dialogue in dialogues]
    return found


def contract_examples(mixture: Mixture) -> list[Question]:
    """The documented example prompts, first wording of their cards, through both templates."""
    found = []
    for card in mixture.cards["contract"]:
        whole = Dialogue(tuple(t for turn in card.turns for t in (turn.wordings[0], turn.answer)))
        found += [in_chat(whole.up_to_turn(n + 1)) for n in range(len(card.turns))]
        found.append(asked(whole.up_to_turn(1)))
    return found


def contract_paraphrases(mixture: Mixture, held_out: bool) -> list[Question]:
    """Every wording of every documented example, earlier turns in their first wording."""
    found: list[Question] = []
    for card in mixture.cards["contract"]:
        if held_out:
            found += [asked(dialogue) for dialogue in card.held_out()]
            continue
        before = list[str]()
        for turn in card.turns:
            found += [asked(Dialogue((*before, w, turn.answer))) for w in turn.wordings]
            before += [turn.wordings[0], turn.answer]
    return found


def unknown_questions() -> list[Question]:
    return [asked(dialogue) for dialogue in unknown.held_out(Random(SEED))]


def name_questions(mixture: Mixture, count: int = 100) -> dict[str, list[Question]]:
    """Names that nobody in training has, and names as in training; given in unseen wordings."""
    random, found = Random(SEED), dict[str, list[Question]]()
    for language, unseen in (("zh", names.UNSEEN_ZH), ("en", names.UNSEEN_EN)):
        for kind, known in (("known names", True), ("unseen names", False)):
            rows = []
            for _ in range(count):
                name = names.known(language, random) if known else random.choice(unseen)
                rows.append(in_chat(names.held_out(language, name, mixture.other, random)))
            found[f"{kind}, {language}"] = rows
    return found


def exercise_questions(mixture: Mixture, count: int = 60) -> dict[str, list[Question]]:
    random, pairs = Random(SEED), held_out_pairs()
    return {
        kind: [asked(exercises.held_out(kind, pairs, random)) for _ in range(count)]
        for kind in exercises.HELD_OUT
    }


def held_out_pairs() -> list[Pair]:
    return translation.read_pairs(DATA / "tatoeba_held_out.tsv")


def translations(pairs: Iterable[Pair], to_english: bool) -> list[Question]:
    """Unseen or seen sentences in the first wording that was trained."""
    if to_english:
        wording = translation.TO_ENGLISH[0]
        return [asked(Dialogue((wording.format(s=zh), en))) for en, zh in pairs]
    wording = translation.TO_CHINESE[0]
    return [asked(Dialogue((wording.format(s=en), zh))) for en, zh in pairs]


def _trained_wordings(mixture: Mixture) -> set[str]:
    turns = [turn for cards in mixture.cards.values() for card in cards for turn in card.turns]
    return {_plain(wording) for turn in turns for wording in turn.wordings}


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()
