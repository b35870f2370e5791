"""The one data type of the corpus: a short conversation whose last text is to be learnt.

Knows nothing about how conversations are made, rendered or tokenised.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialogue:
    """Texts alternate user, assistant, …; the number of texts is even.

    In a verbatim one every mark counts: its questions are not to be reworded.
    """

    texts: tuple[str, ...]
    verbatim: bool = False

    def __post_init__(self) -> None:
        if not self.texts or len(self.texts) % 2:
            raise ValueError("a dialogue needs pairs of a question and an answer")

    @property
    def questions(self) -> tuple[str, ...]:
        """Everything before the last answer."""
        return self.texts[:-1]

    @property
    def answer(self) -> str:
        return self.texts[-1]

    def up_to_turn(self, turn: int) -> "Dialogue":
        """The same conversation, ending with the answer number `turn` (from 1)."""
        return Dialogue(self.texts[: 2 * turn], self.verbatim)
