"""Facts of one kind in many wordings: a relation over the rows of a table.

Knows nothing about what the tables hold.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from zlib import crc32

from training.dialogue import Dialogue

Row = dict[str, str]


@dataclass(frozen=True)
class Relation:
    """Questions and the answer are format strings over a row's columns.

    `held_out` wordings are never trained on. Of the `rotating` ones each row leaves out one, always
    the same: a wording that the model knows, but not for this fact. `fresh` wordings are held out
    too, and were written by somebody who knew none of the others.
    """

    name: str
    questions: tuple[str, ...]
    rotating: tuple[str, ...]
    held_out: tuple[str, ...]
    answer: str
    weight: float = 1.0
    fresh: tuple[str, ...] = ()

    def left_out(self, row: Row) -> str:
        fact = f"{self.name} {self.answer.format(**row)}"
        return self.rotating[crc32(fact.encode()) % len(self.rotating)]

    def trained(self, row: Row) -> list[str]:
        """The question about one row in all wordings that are trained on."""
        left_out = self.left_out(row)
        return [w.format(**row) for w in self.questions + self.rotating if w != left_out]


@dataclass(frozen=True)
class Facts:
    """A relation with the rows it is asked about."""

    relation: Relation
    rows: Sequence[Row]

    def sample(self, random: Random) -> Dialogue:
        row = random.choice(self.rows)
        return Dialogue((random.choice(self.relation.trained(row)), self._answer(row)))

    def paraphrase(self, random: Random) -> tuple[str, str]:
        first, second = random.sample(self.relation.trained(random.choice(self.rows)), 2)
        return first, second

    def unseen_wordings(self) -> list[Dialogue]:
        """Every row in every wording that no row was trained in."""
        return [self._asked(w, row) for w in self.relation.held_out for row in self.rows]

    def fresh_wordings(self) -> list[Dialogue]:
        return [self._asked(w, row) for w in self.relation.fresh for row in self.rows]

    def unseen_forms(self) -> list[Dialogue]:
        """Every row in the one wording that only it was not trained in."""
        return [self._asked(self.relation.left_out(row), row) for row in self.rows]

    def _asked(self, wording: str, row: Row) -> Dialogue:
        return Dialogue((wording.format(**row), self._answer(row)))

    def _answer(self, row: Row) -> str:
        return self.relation.answer.format(**row)


def read_table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def reworded(all_facts: Sequence[Facts], table: Sequence[Row]) -> list[Facts]:
    """The facts with more wordings: `trained` ones, and `fresh` ones for the evaluation."""
    found = []
    for facts in all_facts:
        relation = facts.relation
        trained, fresh = (
            tuple(r["wording"] for r in table if (r["relation"], r["use"]) == (relation.name, use))
            for use in ("trained", "fresh")
        )
        questions = relation.questions + trained
        found.append(Facts(replace(relation, questions=questions, fresh=fresh), facts.rows))
    return found
