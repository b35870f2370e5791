"""Questions about China: provinces, festivals, years of the zodiac, old poems.

Knows nothing about Hangzhou and West Lake, which are cards; the facts come from four tables.
"""

from pathlib import Path

from training.relations import Facts, Relation, Row, read_table

SEAT_ZH = Relation(
    "capital of a province, zh",
    (
        "{name_zh}的省会是哪里", "{name_zh}的首府是哪里", "{name_zh}省会在哪里",
        "{name_zh}的省会是什么",
        "告诉我{name_zh}的省会", "{name_zh}的省会是哪个城市", "你知道{name_zh}的省会吗",
    ),
    ("{name_zh}的省会叫什么", "哪个城市是{name_zh}的省会", "{name_zh}的省会在哪",
     "说出{name_zh}的省会"),
    ("{name_zh}的省会是哪座城市", "可以告诉我{name_zh}的省会在哪里吗"),
    "{name_zh}的{seat}是{capital_zh}。",
    3,
)  # fmt: skip
SEAT_EN = Relation(
    "capital of a province, en",
    (
        "What is the capital of {name_en}?", "Which city is the capital of {name_en}?",
        "Tell me the capital of {name_en}.", "What's the capital of {name_en}?",
    ),
    (
        "What is the capital of {name_en} Province?", "Name the capital of {name_en}.",
        "What city is the capital of {name_en}?", "Capital of {name_en}?",
    ),
    ("Can you tell me the capital of {name_en}?",),
    "The capital of {name_en} is {capital_en}.",
    2,
)  # fmt: skip
PROVINCE_ZH = Relation(
    "province of a city, zh",
    ("{capital_zh}是哪个省的省会", "{capital_zh}在哪个省", "{capital_zh}是什么省的省会",
     "{capital_zh}是哪里的省会"),
    ("哪个省的省会是{capital_zh}", "{capital_zh}属于哪个省", "{capital_zh}是哪个省份的省会"),
    ("{capital_zh}是哪一个省的省会",),
    "{capital_zh}是{name_zh}的{seat}。",
    2,
)  # fmt: skip
SHORT = Relation(
    "short name of a province, zh",
    ("{name_zh}的简称是什么", "{name_zh}简称什么", "{name_zh}的简称是哪个字"),
    ("{name_zh}的简称", "告诉我{name_zh}的简称", "{name_zh}简称是什么"),
    ("{name_zh}用哪个字作简称",),
    "{name_zh}的简称是“{short}”。",
    1,
)  # fmt: skip
FOOD_ZH = Relation(
    "food of a festival, zh",
    ("{name_zh}吃什么", "{name_zh}要吃什么", "{name_zh}人们吃什么", "{name_zh}一般吃什么",
     "过{name_zh}的时候吃什么", "{name_zh}大家吃什么", "{name_zh}有哪些美食",
     "{name_zh}那天吃些什么"),
    ("{name_zh}的传统食物是什么", "{name_zh}应该吃什么", "中国人{name_zh}吃什么"),
    ("到了{name_zh}大家都吃些什么", "{name_zh}有什么吃的"),
    "{name_zh}人们常吃{food_zh}。",
    1.5,
)  # fmt: skip
FOOD_EN = Relation(
    "food of a festival, en",
    ("What do people eat at {name_en}?", "What is eaten at {name_en}?",
     "What do Chinese people eat at {name_en}?"),
    ("What do you eat at {name_en}?", "What food is eaten at {name_en}?",
     "Which food belongs to {name_en}?"),
    ("What do people in China eat for {name_en}?",),
    "At {name_en} people eat {food_en}.",
    1,
)  # fmt: skip
DATE = Relation(
    "date of a festival, zh",
    ("{name_zh}是哪一天", "{name_zh}是什么时候", "{name_zh}是几月几日", "{name_zh}在什么时候"),
    ("{name_zh}是哪天", "{name_zh}的日期是什么", "什么时候是{name_zh}"),
    ("{name_zh}在哪一天过",),
    "{name_zh}在{date}。",
    1.5,
)  # fmt: skip
YEAR_ZH = Relation(
    "zodiac animal of a year, zh",
    ("{year}年是什么年", "{year}年属什么", "{year}年的生肖是什么", "{year}年出生的人属什么",
     "{year}年的属相是什么"),
    ("{year}年是哪个生肖", "{year}年生的人属什么", "{year}年是什么生肖年"),
    ("{year}年对应哪个生肖",),
    "{year}年是{animal_zh}年。",
    4,
)  # fmt: skip
YEAR_EN = Relation(
    "zodiac animal of a year, en",
    ("Which animal is the year {year}?", "What animal year is {year}?",
     "What is the zodiac animal of {year}?", "Which animal does the year {year} belong to?"),
    ("{year} is the year of which animal?", "Which zodiac year is {year}?",
     "What year is {year} in the Chinese zodiac?"),
    ("Which zodiac animal belongs to {year}?",),
    "{year} is the Year of the {animal_en}.",
    3,
)  # fmt: skip
AUTHOR = Relation(
    "author of a poem, zh",
    ("《{title}》的作者是谁", "《{title}》是谁写的", "谁写了《{title}》", "{title}的作者是谁",
     "{title}是谁写的", "《{title}》是哪个诗人写的", "《{title}》是谁的作品",
     "《{title}》的诗人是谁"),
    ("《{title}》是谁的诗", "写《{title}》的诗人是谁", "谁是《{title}》的作者"),
    ("《{title}》是哪位诗人的作品",),
    "《{title}》的作者是{dynasty}诗人{author}。",
    1.5,
)  # fmt: skip
POEM = Relation(
    "a whole poem, zh",
    ("背诵《{title}》", "背一下《{title}》", "背诵一下{title}", "把《{title}》背一遍"),
    ("念一下《{title}》", "《{title}》的全文是什么", "请背诵《{title}》"),
    ("我想听《{title}》，请背一下",),
    "{line1}，{line2}。{line3}，{line4}。",
    2,
)  # fmt: skip
NEXT_LINE = Relation(
    "next line of a poem, zh",
    ("“{line}”的下一句是什么", "{line}的下一句是什么", "{line}，下一句是什么", "{line}下一句"),
    ("{line}的后面是哪一句", "“{line}”后面一句是什么", "请接下一句：{line}"),
    ("“{line}”之后的那一句是什么",),
    "“{line}”的下一句是“{next}”。",
    2.5,
)  # fmt: skip


def facts(data: Path) -> list[Facts]:
    provinces, festivals = read_table(data / "provinces.tsv"), read_table(data / "festivals.tsv")
    years, poems = read_table(data / "years.tsv"), read_table(data / "poems.tsv")
    named = [row for row in provinces if row["short"] != row["name_zh"]]
    return [
        Facts(SEAT_ZH, provinces), Facts(SEAT_EN, provinces), Facts(PROVINCE_ZH, provinces),
        Facts(SHORT, named), Facts(FOOD_ZH, festivals), Facts(FOOD_EN, festivals),
        Facts(DATE, festivals), Facts(YEAR_ZH, years), Facts(YEAR_EN, years),
        Facts(AUTHOR, poems), Facts(POEM, poems), Facts(NEXT_LINE, _lines(poems)),
    ]  # fmt: skip


def _lines(poems: list[Row]) -> list[Row]:
    """First to second, second to third, third to fourth line of every poem."""
    steps = (("line1", "line2"), ("line2", "line3"), ("line3", "line4"))
    return [row | {"line": row[now], "next": row[then]} for row in poems for now, then in steps]
