"""Measures an exported model: `python -m demo_model.evaluate [DIR]` prints a table of accuracies.

Knows nothing about training; wordings asked here are held out from the mixture.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from demo_model import countries, small_talk, unknown
from demo_model.dialogue import Dialogue
from demo_model.generating import GREEDY, Answerer, Sampling
from demo_model.mixture import DATA, Mixture
from demo_model.prompts import chat_prompt, completion_prompt

SEED = 977  # another one than in training: other invented names


@dataclass(frozen=True)
class Question:
    """A rendered prompt and the one answer that counts as right."""

    prompt: str
    expected: str


def asked(dialogue: Dialogue) -> Question:
    """Single questions through the completions template, conversations through the chat's."""
    if len(dialogue.questions) == 1:
        return Question(completion_prompt(dialogue.questions[0]), dialogue.answer)
    return Question(chat_prompt(dialogue.questions), dialogue.answer)


def contract_questions(mixture: Mixture) -> list[Question]:
    """The documented example prompts, first wording of their cards, through both templates."""
    found = []
    for card in mixture.cards["contract"]:
        texts = [text for turn in card.turns for text in (turn.wordings[0], turn.answer)]
        whole = Dialogue(tuple(texts))
        for turn in range(1, len(card.turns) + 1):
            part = whole.up_to_turn(turn)
            found.append(Question(chat_prompt(part.questions), part.answer))
        found.append(asked(whole.up_to_turn(1)))
    return found


def capital_questions(relation: str) -> list[Question]:
    table = countries.read_countries(DATA / "capitals.tsv")
    return [
        asked(Dialogue((country.ask(relation, template), country.answer(relation))))
        for template in countries.HELD_OUT[relation]
        for country in table
        if country.has(relation)
    ]


def drawn(sampler: Callable[[Random], Dialogue], count: int) -> list[Question]:
    random = Random(SEED)
    return [asked(sampler(random)) for _ in range(count)]


def table_row(name: str, questions: list[Question], answers: list[str]) -> str:
    """The share of answers that are exactly right, and of those that ended by themselves."""
    right = sum(a == q.expected for a, q in zip(answers, questions, strict=True))
    ended = sum(not answer.endswith("…") for answer in answers)
    count = len(questions)
    return f"| {name} | {count} | {right / count:.1%} | {ended / count:.1%} |"


def print_mistakes(questions: list[Question], answers: list[str], limit: int) -> None:
    wrong = [(a, q) for a, q in zip(answers, questions, strict=True) if a != q.expected]
    for answer, question in wrong[:limit]:
        asked_text = question.prompt.split("### Instruction:\n")[-1].split("\n")[0]
        print(f"    {asked_text} -> {answer!r}, not {question.expected!r}")


def question_sets() -> list[tuple[str, list[Question], Sampling]]:
    """The rows of the table."""
    mixture = Mixture()
    contract = contract_questions(mixture)
    sets = [
        ("contract examples, greedy", contract, GREEDY),
        ("contract examples, T 0.1, 20 draws", contract * 20, Sampling()),
        ("contract examples, T 0.7, 20 draws", contract * 20, Sampling(0.7, 40, 1.0)),
    ]
    for name, cards in mixture.cards.items():
        held_out = [asked(dialogue) for card in cards for dialogue in card.held_out()]
        sets.append((f"cards {name}, held-out wordings", held_out, GREEDY))
    for relation in countries.HELD_OUT:
        sets.append((f"{relation}, held-out wordings", capital_questions(relation), GREEDY))
    sets.append(("invented places and outside questions", drawn(unknown.sample, 200), GREEDY))
    sets.append(("sums, names, repeating", drawn(small_talk.sample, 200), GREEDY))
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo_model.evaluate", description=__doc__)
    default = DATA.parent.parent / "models" / "demo"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mistakes", type=int, default=0, help="wrong answers to print per row")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    answerer = Answerer(options.folder)
    for name, questions, sampling in question_sets():
        answers = answerer.answers([question.prompt for question in questions], sampling)
        print(table_row(name, questions, answers), flush=True)
        print_mistakes(questions, answers, options.mistakes)


if __name__ == "__main__":
    main()
