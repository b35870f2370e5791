"""Conversations about countries: "and that other one?", "which continent is it in?", yes or no.

Knows nothing about wordings of single questions, which are the countries' own.
"""

from random import Random

from training.countries import (
    CAPITAL_EN,
    CAPITAL_ZH,
    CONTINENT_EN,
    CONTINENT_ZH,
    CURRENCY_EN,
    CURRENCY_ZH,
    TWO_CONTINENTS,
    with_articles,
)
from training.dialogue import Dialogue
from training.relations import Row


class CountryTalk:
    """Asks for one capital, then "and that other country?", then perhaps for more about it."""

    def __init__(self, table: list[Row]) -> None:
        self._rows = [
            with_articles(row)
            for row in table
            if row["code"] not in TWO_CONTINENTS and row["currency_en"]
        ]

    def sample(self, random: Random) -> Dialogue:
        language = random.choice(("zh", "zh", "en"))
        capital, other, more = _CHAINS[language]
        first, second = random.sample(self._rows, 2)
        texts = [random.choice(capital.trained(first)), capital.answer.format(**first)]
        texts += [random.choice(other).format(**second), capital.answer.format(**second)]
        for question, relation in random.sample(more, random.choice((0, 1, 2))):
            texts += [random.choice(question), relation.answer.format(**second)]
        return Dialogue(tuple(texts))

    def yes_or_no(self, random: Random) -> Dialogue:
        row, other = random.sample(self._rows, 2)
        said = row if random.random() < 0.5 else other
        if random.random() < 0.6:
            question = random.choice(_IS_IT_ZH).format(c=row["country_zh"], k=said["capital_zh"])
            answer = ("是的，" if said is row else "不是，") + CAPITAL_ZH.answer.format(**row)
        else:
            question = random.choice(_IS_IT_EN).format(c=row["the"], k=said["capital_en"])
            start = "Yes, the" if said is row else "No, the"
            answer = start + CAPITAL_EN.answer.format(**row).removeprefix("The")
        return Dialogue((question, answer))


_IS_IT_ZH = ("{c}的首都是{k}吗", "{k}是{c}的首都吗", "{c}的首都是不是{k}")
_IS_IT_EN = ("Is {k} the capital of {c}?", "Is the capital of {c} {k}?")
_CHAINS = {
    "zh": (
        CAPITAL_ZH,
        ("那{country_zh}呢", "{country_zh}呢", "那么{country_zh}呢", "{country_zh}的呢",
         "{country_zh}的首都呢", "{country_zh}的首都是哪里"),
        [(("它在哪个洲", "这个国家在哪个洲", "那它在哪个洲呢"), CONTINENT_ZH),
         (("那里用什么钱", "它的货币是什么", "那它用什么货币"), CURRENCY_ZH)],
    ),
    "en": (
        CAPITAL_EN,
        ("And {the}?", "What about {the}?", "How about {the}?", "What is the capital of {the}?"),
        [(("Which continent is it in?", "Where is it?", "What continent is that?"), CONTINENT_EN),
         (("What currency do they use?", "And its currency?", "What money is used there?"),
          CURRENCY_EN)],
    ),
}  # fmt: skip
