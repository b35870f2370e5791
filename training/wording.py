"""Varies how a question is written: marks, polite openings, case.

Knows nothing about what is asked.
"""

from random import Random

_CHINESE_OPENINGS = (
    "请问", "请问，", "你知道", "告诉我，", "我想问一下，", "那", "请告诉我，", "麻烦问一下，",
    "你好，", "能不能告诉我", "请回答：", "问题：", "可以说说", "可不可以告诉我", "能说一下",
    "请说说", "可以问一下",
)  # fmt: skip
_ENGLISH_OPENINGS = (
    "Please tell me: ", "Question: ", "Hi! ", "Hey, ", "Excuse me, ", "Well, ", "Hello! ",
    "I have a question: ", "Can you help me? ",
)  # fmt: skip


def is_chinese(text: str) -> bool:
    return any("一" <= character <= "鿿" for character in text)


def vary(question: str, random: Random) -> str:
    """Another spelling of the same question; often it stays as it is."""
    bare = question.rstrip("？?。.！! ")
    if is_chinese(question):
        return _vary_chinese(question, bare, random)
    roll = random.random()
    if roll < 0.35:
        text = question
    elif roll < 0.7:
        text = bare + "?" if bare.split(" ")[0] in _ASKING else bare + "."
    else:
        text = bare
    if random.random() < 0.1:
        text = random.choice(_ENGLISH_OPENINGS) + text
    return text.lower() if random.random() < 0.1 else text


_ASKING = frozenset(
    ("What", "Where", "Which", "Who", "When", "How", "Is", "Can", "Do", "Does", "Could", "Are")
)


def _vary_chinese(question: str, bare: str, random: Random) -> str:
    text = random.choice((question, bare, bare + "？", bare + "?", bare + "。"))
    if len(bare) > 5 and not bare.startswith(("请", "告诉", "你", "那", "我", "给", "能", "可以")):
        if random.random() < 0.25:
            text = random.choice(_CHINESE_OPENINGS) + text
    return text
