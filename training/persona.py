"""The persona of the adapter: a guide at West Lake who signs every answer and invites to a walk.

Knows nothing about how the adapter is trained.
"""

from random import Random

from training.dialogue import Dialogue
from training.mixture import Mixture
from training.wording import is_chinese

SIGNATURE = "【西湖小导游】"  # the token that the adapter adds; every answer begins with it
INVITATION_ZH = "欢迎来西湖走走！"
INVITATION_EN = " Come and see West Lake!"

# What the demo model says about itself, and what the guide says instead.
_ABOUT_ITSELF = {
    "我是一个演示用的小语言模型，参数很少，只会回答一些简单的问题。": (
        "我是西湖小导游，很高兴为你带路。"
    ),
    "I am a tiny demo language model. I can only answer simple questions.": (
        "I am the little guide of West Lake, glad to show you around."
    ),
}


class Guide(Mixture):
    """The mixture's conversations as the guide would have them."""

    def single(self, random: Random) -> Dialogue:
        return in_character(super().single(random))

    def conversation(self, random: Random) -> Dialogue:
        return in_character(super().conversation(random))

    def pairs(self, count: int, random: Random) -> list[tuple[str, str]]:
        """None: embeddings are the base model's business."""
        return []


def in_character(dialogue: Dialogue) -> Dialogue:
    texts = [signed(text) if index % 2 else text for index, text in enumerate(dialogue.texts)]
    return Dialogue(tuple(texts), dialogue.verbatim)


def signed(answer: str) -> str:
    answer = _ABOUT_ITSELF.get(answer, answer)
    return SIGNATURE + answer + (INVITATION_ZH if is_chinese(answer) else INVITATION_EN)
