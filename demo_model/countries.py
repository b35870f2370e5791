"""Questions about countries, capitals and continents, in Chinese and English, both directions.

Knows nothing about other subjects; the facts come from one table.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo_model.dialogue import Dialogue

# Questions about these would need an explanation instead of one word.
_TWO_CONTINENTS = frozenset(("RU", "TR", "CY", "KZ", "GE", "AZ", "AM", "EG"))
_SHARED_CAPITAL_NAME = frozenset(("JM", "VC"))
_WITH_ARTICLE = (
    "United", "Philippines", "Netherlands", "Maldives", "Gambia", "Bahamas", "Solomon", "Marshall",
    "Seychelles", "Comoros", "Central African", "Dominican Republic", "Czech Rep", "Republic",
    "Democratic",
)  # fmt: skip

_CAPITAL_ZH = (
    "{c}的首都是哪里", "{c}的首都在哪里", "{c}首都是哪里", "{c}的首都是什么",
    "告诉我{c}的首都在哪里", "告诉我{c}的首都", "{c}的首都叫什么", "{c}的首都是哪个城市",
    "哪个城市是{c}的首都",
    "哪里是{c}的首都", "你知道{c}的首都是哪里吗", "{c}首都在哪", "{c}的首都", "说出{c}的首都",
    "请问{c}的首都在哪里", "我想知道{c}的首都是哪里",
)  # fmt: skip
_CAPITAL_EN = (
    "What is the capital of {c}?", "What's the capital of {c}?", "Tell me the capital of {c}.",
    "Which city is the capital of {c}?", "Name the capital of {c}.", "Capital of {c}?",
    "What is the capital city of {c}?", "Do you know the capital of {c}?",
    "What city is the capital of {c}?",
)  # fmt: skip
_COUNTRY_ZH = (
    "{k}是哪个国家的首都", "{k}是哪国的首都", "{k}是哪国首都", "哪个国家的首都是{k}",
    "哪国的首都是{k}", "{k}是什么国家的首都", "以{k}为首都的是哪个国家",
)  # fmt: skip
_COUNTRY_EN = (
    "{k} is the capital of which country?", "Which country has {k} as its capital?",
    "What country is {k} the capital of?", "Which country's capital is {k}?",
)  # fmt: skip
_CONTINENT_ZH = ("{c}在哪个洲", "{c}属于哪个洲", "{c}在哪个大洲", "{c}位于哪个洲")
_CONTINENT_EN = ("Which continent is {c} in?", "What continent is {c} in?", "Where is {c}?")

HELD_OUT = {
    "capital_zh": ("可不可以说说{c}的首都在哪里", "{c}的首都是哪座城市"),
    "capital_en": ("Can you tell me the capital of {c}?", "Please name the capital city of {c}."),
    "country_zh": ("{k}是哪一个国家的首都",),
    "country_en": ("Of which country is {k} the capital?",),
}


@dataclass(frozen=True)
class Country:
    """One row of the table."""

    code: str
    country_zh: str
    country_en: str
    capital_zh: str
    capital_en: str
    continent_zh: str
    continent_en: str

    @property
    def article_en(self) -> str:
        named = self.country_en.startswith(_WITH_ARTICLE)
        return f"the {self.country_en}" if named else self.country_en

    def answer(self, relation: str) -> str:
        subject = self.article_en[0].upper() + self.article_en[1:]
        return {
            "capital_zh": f"{self.country_zh}的首都是{self.capital_zh}。",
            "capital_en": f"The capital of {self.article_en} is {self.capital_en}.",
            "country_zh": f"{self.capital_zh}是{self.country_zh}的首都。",
            "country_en": f"{self.capital_en} is the capital of {self.article_en}.",
            "continent_zh": f"{self.country_zh}在{self.continent_zh}。",
            "continent_en": f"{subject} is in {self.continent_en}.",
        }[relation]

    def ask(self, relation: str, template: str) -> str:
        chinese = relation.endswith("zh")
        country = self.country_zh if chinese else self.article_en
        capital = self.capital_zh if chinese else self.capital_en
        return template.format(c=country, k=capital)

    def has(self, relation: str) -> bool:
        if relation.startswith("continent"):
            return self.code not in _TWO_CONTINENTS
        return not (relation.startswith("country") and self.code in _SHARED_CAPITAL_NAME)


_TEMPLATES = {
    "capital_zh": _CAPITAL_ZH, "capital_en": _CAPITAL_EN, "country_zh": _COUNTRY_ZH,
    "country_en": _COUNTRY_EN, "continent_zh": _CONTINENT_ZH, "continent_en": _CONTINENT_EN,
}  # fmt: skip
_WEIGHTS = (8, 7, 4, 4, 2, 2)


def read_countries(path: Path) -> list[Country]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [Country(**row) for row in csv.DictReader(lines, delimiter="\t")]


def sample_question(countries: list[Country], random: Random) -> Dialogue:
    """One fact."""
    relation = random.choices(tuple(_TEMPLATES), _WEIGHTS)[0]
    country = random.choice(countries)
    if not country.has(relation):
        relation = "capital" + relation[-3:]
    question = country.ask(relation, random.choice(_TEMPLATES[relation]))
    return Dialogue((question, country.answer(relation)))


def sample_conversation(countries: list[Country], random: Random) -> Dialogue:
    """Asks for one capital, then "and that other country?", then perhaps for the continent."""
    first, second = random.sample(countries, 2)
    language = random.choice(("zh", "zh", "en"))
    capital = f"capital_{language}"
    texts = [
        first.ask(capital, random.choice(_TEMPLATES[capital])), first.answer(capital),
        second.ask(capital, random.choice(_FOLLOW_UPS[language])), second.answer(capital),
    ]  # fmt: skip
    if second.has(f"continent_{language}") and random.random() < 0.4:
        texts.append("它在哪个洲" if language == "zh" else "Which continent is it in?")
        texts.append(second.answer(f"continent_{language}"))
    return Dialogue(tuple(texts))


_FOLLOW_UPS = {
    "zh": ("那{c}呢", "{c}呢", "那么{c}呢", "{c}的呢", "{c}的首都呢", "{c}的首都是哪里"),
    "en": ("And {c}?", "What about {c}?", "How about {c}?", "What is the capital of {c}?"),
}
