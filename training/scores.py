"""Scores of answers: right, in the question's language, ended, free of repetition.

Knows nothing about the model, nor about which questions are asked.
"""

from collections.abc import Iterable, Sequence

from sacrebleu.metrics.chrf import CHRF

from training.generating import UNENDED
from training.questions import Question
from training.wording import is_chinese


def is_right(question: Question, answer: str) -> bool:
    """To the letter; but a question that begins with "could you" may be answered with yes first."""
    return answer in (question.expected, "是的，" + question.expected)


def right(questions: Sequence[Question], answers: Sequence[str]) -> int:
    return sum(is_right(q, a) for q, a in zip(questions, answers, strict=True))


def in_language(questions: Sequence[Question], answers: Sequence[str]) -> int:
    """Answers that are Chinese where the question is, and not where it is not."""
    pairs = zip(questions, answers, strict=True)
    return sum(is_chinese(question.text) == is_chinese(answer) for question, answer in pairs)


def ended(answers: Iterable[str]) -> int:
    return sum(not answer.endswith(UNENDED) for answer in answers)


def repetition(answers: Iterable[str]) -> float:
    """The share of runs of four words, or of four Chinese characters, said before in the answer."""
    runs = repeated = 0
    for answer in answers:
        units = list(answer) if is_chinese(answer) else answer.split()
        fours = [tuple(units[i : i + 4]) for i in range(len(units) - 3)]
        runs += len(fours)
        repeated += len(fours) - len(set(fours))
    return repeated / max(1, runs)


def chrf2(questions: Sequence[Question], answers: Sequence[str]) -> float:
    return float(CHRF(beta=2).corpus_score(answers, [[q.expected for q in questions]]).score)
