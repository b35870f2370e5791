"""What a model is good for, in a sentence or two: from its kind, its languages and its size.

Where the model's files say little, the sentences say that they guess.
"""

from __future__ import annotations

from app.translations import Translation

#: Models with fewer parameters often get plain questions wrong.
SMALL = 10**9


def purpose(kind: str, parameters: int, words: Translation, *, chinese: bool, adapted: bool) -> str:
    """For a model of `kind`: "chat" or "base"; "" for the embedded one, which says more of itself.

    `adapted`: an adapter may have taught a base model to answer.
    """
    if kind == "embedded":
        return ""
    variant = "adapted" if kind == "base" and adapted else kind
    sentences = [words.page[f"purpose_{variant}_{'chinese' if chinese else 'english'}"]]
    if 0 < parameters < SMALL:
        size = short_count(parameters, words)
        sentences.append(words.page["purpose_small"].format(size=size))
    # None after a Chinese full stop.
    return ("" if sentences[0].endswith("。") else " ").join(sentences)


def short_count(count: int, words: Translation) -> str:
    """134515008 as "135 M" or "1.35 亿"; "" where it is unknown."""
    for unit, size in words.units.items():
        if count >= size:
            return f"{float(f'{count / size:.3g}'):g} {unit}"
    return str(count or "")
