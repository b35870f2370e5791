"""Questions about countries: capitals both ways, continents, currencies, in two languages.

Knows nothing about other subjects; the facts come from one table.
"""

from training.relations import Facts, Relation, Row

# Questions about these would need an explanation instead of one word.
TWO_CONTINENTS = frozenset(("RU", "TR", "CY", "KZ", "GE", "AZ", "AM", "EG"))
_SHARED_CAPITAL_NAME = frozenset(("JM", "VC"))
_WITH_ARTICLE = (
    "United", "Philippines", "Netherlands", "Maldives", "Gambia", "Bahamas", "Solomon", "Marshall",
    "Seychelles", "Comoros", "Central African", "Dominican Republic", "Czech Rep", "Republic",
    "Democratic",
)  # fmt: skip

CAPITAL_ZH = Relation(
    "capital of a country, zh",
    (
        "{country_zh}的首都是哪里", "{country_zh}的首都在哪里", "{country_zh}首都是哪里",
        "{country_zh}的首都是什么", "告诉我{country_zh}的首都在哪里", "告诉我{country_zh}的首都",
        "{country_zh}的首都叫什么", "{country_zh}的首都是哪个城市", "哪个城市是{country_zh}的首都",
        "哪里是{country_zh}的首都", "你知道{country_zh}的首都是哪里吗", "{country_zh}首都在哪",
        "{country_zh}的首都", "说出{country_zh}的首都", "请问{country_zh}的首都在哪里",
        "我想知道{country_zh}的首都是哪里",
    ),
    (
        "{country_zh}的首都名叫什么", "{country_zh}把首都设在哪里",
        "{country_zh}这个国家的首都是哪里",
        "说说看，{country_zh}的首都是哪里", "{country_zh}首都的名字是什么",
    ),
    ("可不可以说说{country_zh}的首都在哪里", "{country_zh}的首都是哪座城市"),
    "{country_zh}的首都是{capital_zh}。",
    5,
)  # fmt: skip
CAPITAL_EN = Relation(
    "capital of a country, en",
    (
        "What is the capital of {the}?", "What's the capital of {the}?",
        "Tell me the capital of {the}.", "Which city is the capital of {the}?",
        "Name the capital of {the}.", "Capital of {the}?", "What is the capital city of {the}?",
        "Do you know the capital of {the}?", "What city is the capital of {the}?",
    ),
    (
        "What is {the}'s capital?", "I want to know the capital of {the}.",
        "Which city does {the} have as its capital?", "What is the name of the capital of {the}?",
    ),
    ("Can you tell me the capital of {the}?", "Please name the capital city of {the}."),
    "The capital of {the} is {capital_en}.",
    5,
)  # fmt: skip
COUNTRY_ZH = Relation(
    "country of a capital, zh",
    (
        "{capital_zh}是哪个国家的首都", "{capital_zh}是哪国的首都", "{capital_zh}是哪国首都",
        "哪个国家的首都是{capital_zh}", "哪国的首都是{capital_zh}", "{capital_zh}是什么国家的首都",
        "以{capital_zh}为首都的是哪个国家",
    ),
    (
        "{capital_zh}是谁的首都", "首都是{capital_zh}的国家是哪个", "{capital_zh}是哪一国的首都",
        "你知道{capital_zh}是哪个国家的首都吗",
    ),
    ("{capital_zh}是哪一个国家的首都",),
    "{capital_zh}是{country_zh}的首都。",
    3,
)  # fmt: skip
COUNTRY_EN = Relation(
    "country of a capital, en",
    (
        "{capital_en} is the capital of which country?",
        "Which country has {capital_en} as its capital?",
        "What country is {capital_en} the capital of?", "Which country's capital is {capital_en}?",
        "What country has {capital_en} as its capital?", "{capital_en} is which country's capital?",
    ),
    (
        "Which country is {capital_en} the capital of?",
        "{capital_en} is the capital of what country?",
        "Tell me which country has the capital {capital_en}.",
        "The capital of which country is {capital_en}?",
    ),
    ("Of which country is {capital_en} the capital?",),
    "{capital_en} is the capital of {the}.",
    3,
)  # fmt: skip
CONTINENT_ZH = Relation(
    "continent of a country, zh",
    ("{country_zh}在哪个洲", "{country_zh}属于哪个洲", "{country_zh}在哪个大洲",
     "{country_zh}位于哪个洲", "{country_zh}是哪个大洲的", "{country_zh}位于哪个大洲"),
    (
        "{country_zh}是哪个洲的国家", "{country_zh}在哪一洲", "告诉我{country_zh}在哪个洲",
        "哪个洲有{country_zh}这个国家",
    ),
    ("{country_zh}是位于哪个大洲的国家",),
    "{country_zh}在{continent_zh}。",
    2,
)  # fmt: skip
CONTINENT_EN = Relation(
    "continent of a country, en",
    ("Which continent is {the} in?", "What continent is {the} in?", "Where is {the}?",
     "{The} belongs to which continent?", "Which continent is {the} part of?",
     "Can you tell me which continent {the} is in?"),
    (
        "On which continent is {the}?", "What continent does {the} belong to?",
        "Where in the world is {the}?", "In which continent can I find {the}?",
    ),
    ("To which continent does {the} belong?",),
    "{The} is in {continent_en}.",
    2,
)  # fmt: skip
CURRENCY_ZH = Relation(
    "currency of a country, zh",
    (
        "{country_zh}用什么货币", "{country_zh}用什么钱", "{country_zh}的货币叫什么",
        "{country_zh}使用什么货币", "在{country_zh}用什么钱买东西", "{country_zh}人用什么钱",
        "{country_zh}的货币是哪种",
    ),
    (
        "{country_zh}的货币是什么", "告诉我{country_zh}的货币", "{country_zh}的钱叫什么",
        "去{country_zh}要换什么钱",
    ),
    ("{country_zh}流通的是哪种货币", "请问{country_zh}人花的是什么钱"),
    "{country_zh}的货币是{currency_zh}。",
    6,
)  # fmt: skip
CURRENCY_EN = Relation(
    "currency of a country, en",
    (
        "What is the currency of {the}?", "What currency is used in {the}?",
        "Which currency does {the} use?", "What money do they use in {the}?",
        "How do people pay in {the}?", "What money do people pay with in {the}?",
        "Can you tell me the currency of {the}?", "Name the currency of {the}.",
        "Which money do I need in {the}?",
    ),
    (
        "What's the currency of {the}?", "Tell me the currency of {the}.",
        "What is the money of {the} called?", "Which money is used in {the}?",
    ),
    ("What do people pay with in {the}?", "Can you name the currency of {the}?"),
    "The currency of {the} is the {currency_en}.",
    6,
)  # fmt: skip


def with_articles(row: Row) -> Row:
    """The row with two more columns: the English name as inside and at the start of a sentence."""
    named = row["country_en"].startswith(_WITH_ARTICLE)
    the = f"the {row['country_en']}" if named else row["country_en"]
    return row | {"the": the, "The": the[0].upper() + the[1:]}


def facts(table: list[Row]) -> list[Facts]:
    rows = [with_articles(row) for row in table]
    one_name = [row for row in rows if row["code"] not in _SHARED_CAPITAL_NAME]
    one_continent = [row for row in rows if row["code"] not in TWO_CONTINENTS]
    paid = [row for row in rows if row["currency_en"]]
    return [
        Facts(CAPITAL_ZH, rows), Facts(CAPITAL_EN, rows),
        Facts(COUNTRY_ZH, one_name), Facts(COUNTRY_EN, one_name),
        Facts(CONTINENT_ZH, one_continent), Facts(CONTINENT_EN, one_continent),
        Facts(CURRENCY_ZH, paid), Facts(CURRENCY_EN, paid),
    ]  # fmt: skip
