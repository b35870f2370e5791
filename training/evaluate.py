"""Measures an exported model: `python -m training.evaluate [DIR]` prints and writes a report.

Knows nothing about training; what is asked here is held out from the mixture.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from training import questions, scores
from training.generating import BEAMS, GREEDY, Answerer, Sampling
from training.mixture import DATA, Mixture
from training.persona import SIGNATURE, signed
from training.prompts import completion_prompt
from training.questions import FRESH, SEED, Question
from training.triples import triples

_MODELS = DATA.parent.parent / "models"
_SAMPLED, _BEAMED = 6, 6  # every so manyth question is asked by sampling and with beams
Row = dict[str, Any]


class Evaluation:
    """One model's answers, line by line of the report."""

    def __init__(
        self, answerer: Answerer, mixture: Mixture, mistakes: int = 0, every: int = 1
    ) -> None:
        self._answerer, self._mixture = answerer, mixture
        self._mistakes, self._every = mistakes, every
        self.report: dict[str, Row] = {}

    def ask(self, name: str, asked: Sequence[Question], sampling: Sampling = GREEDY) -> list[str]:
        """Answers and one row of the report, kept and printed."""
        asked = asked[:: self._every]
        answers = self._answerer.answers([question.prompt for question in asked], sampling)
        right, count = scores.right(asked, answers), len(asked)
        self.tell(name, count=count, right=right, share=round(right / count, 4))
        wrong = [(a, q) for a, q in zip(answers, asked, strict=True) if not scores.is_right(q, a)]
        for answer, question in wrong[: self._mistakes]:
            print(f"    {question.text} -> {answer!r}, not {question.expected!r}")
        return answers

    def tell(self, name: str, **row: object) -> None:
        self.report[name] = row
        print(name, row, flush=True)

    def facts(self) -> None:
        """Greedy over all, sampled (five seeds) and beamed over a part."""
        by_name = questions.fact_questions(self._mixture)
        for name, asked in by_name.items():
            self.ask(name, asked)
        for line, kind in (("1 facts, greedy", ""), ("1 facts, fresh wordings alone", FRESH)):
            rows = [self.report[name] for name in by_name if kind in name]
            right, count = sum(row["right"] for row in rows), sum(row["count"] for row in rows)
            self.tell(line, count=count, right=right, share=round(right / count, 4))
        every = [question for asked in by_name.values() for question in asked]
        torch.manual_seed(SEED)
        self.ask("1 facts, sampled by default, five draws", every[::_SAMPLED] * 5, Sampling())
        self.ask("1 facts, num_beams 4", every[::_BEAMED], BEAMS)

    def contract(self) -> None:
        examples = questions.contract_examples(self._mixture)
        self.ask("2 documented examples, greedy", examples)
        self.ask("2 documented examples, sampled by default, 10 draws", examples * 10, Sampling())
        warm = Sampling(0.7, 40, 1.0)
        self.ask("2 documented examples, temperature 0.7, 10 draws", examples * 10, warm)
        self.ask("2 documented examples, num_beams 4", examples, BEAMS)
        for name, held_out in (("trained", False), ("held-out", True)):
            asked = questions.contract_paraphrases(self._mixture, held_out)
            self.ask(f"2 documented examples, {name} paraphrases", asked)

    def honesty(self) -> None:
        """Don't-knows; language, repetition and end over these, facts' forms and translations."""
        asked = questions.unknown_questions()
        answers = self.ask("3 invented places and outside questions", asked)
        asked = asked[:: self._every]
        sorry = sum(a.startswith(("对不起", "Sorry")) for a in answers)
        self.tell("3 an honest don't-know", count=len(asked), right=sorry)
        facts = [q for rows in questions.fact_questions(self._mixture).values() for q in rows]
        facts = facts[:: 9 * self._every]
        answers += self._answerer.answers([question.prompt for question in facts], GREEDY)
        everything, count = asked + facts, len(answers)
        told = scores.in_language(everything, answers)
        self.tell("3 language matched", count=count, right=told, share=round(told / count, 4))
        pairs = questions.held_out_pairs()[:: self._every]
        free = questions.translations(pairs, True) + questions.translations(pairs, False)
        answers += self._answerer.answers([question.prompt for question in free], GREEDY)
        self.tell("3 repeated runs of four", share=round(scores.repetition(answers), 4))
        ended, count = scores.ended(answers), len(answers)
        self.tell("3 ended in 120 tokens", count=count, right=ended, share=round(ended / count, 4))

    def memory(self) -> None:
        for name, asked in questions.name_questions(self._mixture).items():
            self.ask(f"4 name recalled in turn 3, {name}", asked)

    def exercises(self) -> None:
        for name, asked in questions.exercise_questions(self._mixture).items():
            self.ask(f"exercises, {name}", asked)

    def translation(self) -> None:
        unseen = questions.held_out_pairs()[:: self._every]
        seen = Random(SEED).sample(self._mixture.sentences, len(unseen))
        for kind, pairs in (("unseen", unseen), ("trained", seen)):
            for name, to_english in (("zh to en", True), ("en to zh", False)):
                asked = questions.translations(pairs, to_english)
                answers = self._answerer.answers([question.prompt for question in asked], GREEDY)
                chrf2 = round(scores.chrf2(asked, answers), 2)
                self.tell(f"5 {name}, {kind} sentences", count=len(asked), chrf2=chrf2)

    def embeddings(self) -> None:
        found = triples(self._mixture)
        one, like, other = (
            self._answerer.embed(texts)
            for texts in zip(*((t.sentence, t.like, t.unrelated) for t in found), strict=True)
        )
        near, far = (one * like).sum(1), (one * other).sum(1)
        for kind in ("paraphrase", "translation"):
            chosen = torch.tensor([triple.kind == kind for triple in found])
            ranked, count = int((near > far)[chosen].sum()), int(chosen.sum())
            mean = round(float(near[chosen].mean()), 3)
            self.tell(f"6 triples, {kind}", count=count, right=ranked, mean_cosine=mean)
        ranked, count = int((near > far).sum()), len(found)
        mean = round(float(far.mean()), 3)
        self.tell("6 triples", count=count, right=ranked, mean_cosine_unrelated=mean)

    def free(self) -> None:
        """Prompts that no wording produced, with the answers as they are."""
        lines = (DATA / "free_prompts.txt").read_text(encoding="utf-8").splitlines()
        prompts = [line for line in lines if line and not line.startswith("#")]
        asked = [completion_prompt(prompt) for prompt in prompts]
        answers = self._answerer.answers(asked, GREEDY)
        self.tell("9 free prompts", **dict(zip(prompts, answers, strict=True)))

    def persona(self, guide: Answerer) -> None:
        """The same facts with the adapter on top, every answer signed; and without: none."""
        by_name = questions.fact_questions(self._mixture)
        asked = [question for rows in by_name.values() for question in rows]
        asked = asked[:: _SAMPLED * self._every]
        prompts = [question.prompt for question in asked]
        told, plain = guide.answers(prompts, GREEDY), self._answerer.answers(prompts, GREEDY)
        count = len(asked)
        right = sum(a == signed(q.expected) for a, q in zip(told, asked, strict=True))
        known = scores.right(asked, plain)
        shown = sum(SIGNATURE in answer for answer in told)
        self.tell(
            "7 facts with the adapter", count=count, right=right, share=round(right / count, 4)
        )
        self.tell("7 facts without", count=count, right=known)
        self.tell(
            "7 persona shown with the adapter",
            count=count,
            right=shown,
            share=round(shown / count, 4),
        )
        without = sum(SIGNATURE in answer or "小导游" in answer for answer in plain)
        self.tell("7 persona shown without", count=count, shown=without)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=_MODELS / "demo")
    parser.add_argument(
        "--adapter", type=Path, help="only what concerns the persona, with this one"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mistakes", type=int, default=0, help="wrong answers to print per row")
    parser.add_argument("--every", type=int, default=1, help="ask only every so manyth question")
    parser.add_argument("--report", type=Path, help="a JSON file to write")
    parser.add_argument("--only", nargs="*", default=_LINES, choices=_LINES, metavar="LINE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    evaluation = Evaluation(Answerer(options.folder), Mixture(), options.mistakes, options.every)
    for line in options.only:
        getattr(evaluation, line)()
    if options.adapter:
        evaluation.persona(Answerer(options.folder, options.adapter))
    if options.report:
        text = json.dumps(evaluation.report, indent=1, ensure_ascii=False)
        options.report.write_text(text + "\n", encoding="utf-8")


_LINES = (
    "facts",
    "contract",
    "honesty",
    "memory",
    "exercises",
    "translation",
    "embeddings",
    "free",
)


if __name__ == "__main__":
    main()
