"""Short sentence pairs of Tatoeba as small translation tasks.

Knows nothing about other sources; the pairs' authors are named in the data file itself.
"""

from pathlib import Path
from random import Random

from demo_model.dialogue import Dialogue

_TO_ENGLISH = (
    "把“{s}”翻译成英文",
    "“{s}”用英语怎么说",
    "翻译成英文：{s}",
    "Translate into English: {s}",
)
_TO_CHINESE = ('Translate "{s}" into Chinese.', "把“{s}”翻译成中文", "翻译成中文：{s}")


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """English and Chinese; the third column holds the attribution."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [(row[0], row[1]) for row in rows if len(row) == 3]


def sample(pairs: list[tuple[str, str]], random: Random) -> Dialogue:
    english, chinese = random.choice(pairs)
    if random.random() < 0.5:
        return Dialogue((random.choice(_TO_ENGLISH).format(s=chinese), english))
    return Dialogue((random.choice(_TO_CHINESE).format(s=english), chinese))
