"""Sentence pairs of Tatoeba as small translation tasks, and as pairs that mean the same.

Knows nothing about other sources; the pairs' authors are named in the data files themselves.
"""

from collections import defaultdict
from pathlib import Path
from random import Random

from training.dialogue import Dialogue

Pair = tuple[str, str]

TO_ENGLISH = (
    "把“{s}”翻译成英文", "把“{s}”翻译成英语", "“{s}”用英语怎么说", "“{s}”用英文怎么说",
    "翻译成英文：{s}", "翻译成英语：{s}", "Translate into English: {s}",
    "Translate to English: {s}", 'What does "{s}" mean in English?', "{s}\n翻译成英文",
)  # fmt: skip
TO_CHINESE = (
    'Translate "{s}" into Chinese.', 'Translate "{s}" to Chinese.', "把“{s}”翻译成中文",
    "翻译成中文：{s}", "Translate into Chinese: {s}", "Translate to Chinese: {s}",
    'How do you say "{s}" in Chinese?', "“{s}”用中文怎么说", "{s}\n翻译成中文",
)  # fmt: skip
HELD_OUT = {
    "to_english": ("请把“{s}”译成英文", "Please translate into English: {s}"),
    "to_chinese": ("请把“{s}”译成中文", "Please translate into Chinese: {s}"),
}


def read_pairs(path: Path) -> list[Pair]:
    """English and Chinese; the third column holds the attribution."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return [(english, chinese) for english, chinese, _ in rows]


def sample(pairs: list[Pair], random: Random) -> Dialogue:
    english, chinese = random.choice(pairs)
    if random.random() < 0.5:
        return Dialogue((random.choice(TO_ENGLISH).format(s=chinese), english), True)
    return Dialogue((random.choice(TO_CHINESE).format(s=english), chinese), True)


def paraphrases(pairs: list[Pair]) -> list[Pair]:
    """Sentences of one language with the same translation."""
    found: list[Pair] = []
    for side in (0, 1):
        groups: dict[str, list[str]] = defaultdict(list)
        for pair in pairs:
            groups[pair[side]].append(pair[1 - side])
        found += [(group[0], group[1]) for group in groups.values() if len(group) > 1]
    return found
