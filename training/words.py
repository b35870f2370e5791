"""Questions about words: opposites, both ways.

Knows nothing about translation, which has its own sentence pairs.
"""

from pathlib import Path

from training.relations import Facts, Relation, read_table

OPPOSITE_ZH = Relation(
    "opposite of a word, zh",
    (
        "“{word}”的反义词是什么",
        "{word}的反义词是什么",
        "与“{word}”相反的字是什么",
        "{word}的反义词",
    ),
    ("“{word}”的反义词是哪个字", "说出“{word}”的反义词", "和{word}意思相反的字是什么"),
    ("“{word}”反过来是什么字",),
    "“{word}”的反义词是“{opposite}”。",
)
OPPOSITE_EN = Relation(
    "opposite of a word, en",
    ("What is the opposite of {word}?", "Opposite of {word}?", "Tell me the opposite of {word}."),
    ("Do you know the opposite of {word}?", "What's the opposite of {word}?",
     "Name the opposite of {word}."),
    ("Which word is the opposite of {word}?",),
    "The opposite of {word} is {opposite}.",
)  # fmt: skip


def facts(data: Path) -> list[Facts]:
    table = read_table(data / "opposites.tsv")
    table += [row | {"word": row["opposite"], "opposite": row["word"]} for row in table]
    return [
        Facts(OPPOSITE_ZH, [row for row in table if row["language"] == "zh"]),
        Facts(OPPOSITE_EN, [row for row in table if row["language"] == "en"]),
    ]
