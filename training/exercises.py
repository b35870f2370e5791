"""Small generated exercises: sums, sorting, copying, counting letters and words.

Knows nothing about facts. What is asked is drawn, so most of it is never asked twice.
"""

from random import Random

from training.dialogue import Dialogue

HELD_OUT = {
    "sum_zh": "请算一下{a}加{b}是多少",
    "sum_en": "Can you add {a} and {b}?",
    "sort_zh": "请把这些数字由小到大排列：{list}",
    "sort_en": "Please put these numbers in order: {list}",
    "copy_zh": "请把这句话原样说一遍：{text}",
    "copy_en": "Please say this again: {text}",
}
_SUM_ZH = (
    "{a}加{b}等于几", "{a}加{b}是多少", "{a}加{b}等于多少", "计算{a}加{b}", "{a}和{b}的和是多少",
    "算一算{a}加{b}", "请算{a}加{b}等于几", "请问{a}加{b}是多少",
)  # fmt: skip
_SUM_EN = (
    "What is {a} plus {b}?", "How much is {a} plus {b}?", "Add {a} and {b}.",
    "What is the sum of {a} and {b}?", "Please add {a} and {b}.", "Could you add {a} to {b}?",
)  # fmt: skip
_SIGNS = ("{a}+{b}=?", "{a}+{b}=", "{a} + {b} = ?", "{a}+{b}等于几", "What is {a}+{b}?", "{a}+{b}")
_MINUS = ("{a}减{b}等于几", "{a}减{b}是多少", "{a}减{b}等于多少", "计算{a}减{b}")
_MINUS_EN = ("What is {a} minus {b}?", "How much is {a} minus {b}?")
_TIMES = ("{a}乘{b}等于几", "{a}乘以{b}是多少", "{a}乘{b}是多少", "计算{a}乘{b}")
_TIMES_EN = ("What is {a} times {b}?", "How much is {a} times {b}?")
_SORT_ZH = (
    "把{list}从小到大排列", "从小到大排序：{list}", "给{list}排序", "请从小到大排列：{list}",
    "把这些数从小到大排好：{list}", "把下面的数字从小到大排列：{list}", "请由小到大排好：{list}",
)  # fmt: skip
_SORT_DOWN_ZH = ("把{list}从大到小排列", "从大到小排序：{list}", "请从大到小排列：{list}")
_SORT_EN = (
    "Sort {list}.", "Sort these numbers: {list}", "Put {list} in order.",
    "Sort the numbers {list} from small to large.", "Please sort {list}.",
    "Put the numbers {list} in order.",
)  # fmt: skip
_LARGEST_ZH = ("{list}中最大的是哪个", "{list}里最大的数是几", "哪个最大：{list}")
_LARGEST_EN = ("Which is the largest: {list}?", "What is the largest of {list}?")
_COPY_ZH = (
    "请重复：{text}",
    "跟我说：{text}",
    "重复一遍“{text}”",
    "复述：{text}",
    "跟着我念：{text}",
    "请把下面的话说一遍：{text}",
    "把这句话重复一遍：{text}",
    "请复述这句话：{text}",
)
_COPY_EN = (
    "Repeat: {text}", "Say {text}", 'Repeat "{text}"', "Repeat after me: {text}",
    "Please repeat this: {text}", "Say it once more: {text}", "Please say: {text}",
)  # fmt: skip


def sums(random: Random) -> Dialogue:
    """Sums and differences within 20, products within the table of nine."""
    a, b = random.randint(0, 10), random.randint(0, 10)
    if random.random() < 0.15:
        a, b = random.randint(0, 20), random.randint(0, 20)
    kind = random.randrange(8)
    if kind < 2:
        question, answer = random.choice(_SUM_ZH), f"{a}加{b}等于{a + b}。"
    elif kind == 2:
        question, answer = random.choice(_SIGNS), f"{a}+{b}={a + b}"
    elif kind == 3:
        question, answer = random.choice(_SUM_EN), f"{a} plus {b} is {a + b}."
    elif kind < 6:
        a, b = max(a, b), min(a, b)
        question, answer = random.choice(_MINUS), f"{a}减{b}等于{a - b}。"
        if kind == 5:
            question, answer = random.choice(_MINUS_EN), f"{a} minus {b} is {a - b}."
    else:
        a, b = random.randint(1, 9), random.randint(1, 9)
        question, answer = random.choice(_TIMES), f"{a}乘{b}等于{a * b}。"
        if kind == 7:
            question, answer = random.choice(_TIMES_EN), f"{a} times {b} is {a * b}."
    return Dialogue((question.format(a=a, b=b), answer))


def sorting(random: Random) -> Dialogue:
    """Three to five different numbers below 100."""
    numbers = random.sample(range(1, random.choice((10, 30, 100))), random.choice((3, 3, 4, 5)))
    kind, ordered = random.randrange(6), sorted(numbers)
    if kind < 2:
        return _listed(random.choice(_SORT_ZH), numbers, "、", "、".join(map(str, ordered)) + "。")
    if kind == 2:
        answer = "、".join(map(str, reversed(ordered))) + "。"
        return _listed(random.choice(_SORT_DOWN_ZH), numbers, "、", answer)
    if kind == 3:
        answer = f"最大的是{ordered[-1]}。"
        return _listed(random.choice(_LARGEST_ZH), numbers, "、", answer)
    if kind == 4:
        return _listed(random.choice(_SORT_EN), numbers, ", ", ", ".join(map(str, ordered)) + ".")
    answer = f"The largest is {ordered[-1]}."
    return _listed(random.choice(_LARGEST_EN), numbers, ", ", answer)


def _listed(question: str, numbers: list[int], comma: str, answer: str) -> Dialogue:
    return Dialogue((question.format(list=comma.join(map(str, numbers))), answer))


def copying(sentences: list[tuple[str, str]], random: Random) -> Dialogue:
    """A short sentence, or words that make no sense together, said again unchanged."""
    english, chinese = random.choice(sentences)
    if random.random() < 0.5:
        text = (
            chinese if random.random() < 0.4 else _shuffled(list(chinese.strip("。！？")), random)
        )
        return Dialogue((random.choice(_COPY_ZH).format(text=text), text), True)
    text = (
        english if random.random() < 0.4 else _shuffled(english.strip(".!?").split(), random, " ")
    )
    return Dialogue((random.choice(_COPY_EN).format(text=text), text), True)


def _shuffled(units: list[str], random: Random, between: str = "") -> str:
    return between.join(random.sample(units, random.randint(1, min(6, len(units)))))


def held_out(kind: str, sentences: list[tuple[str, str]], random: Random) -> Dialogue:
    """One exercise in a wording that is never trained on."""
    question, chinese = HELD_OUT[kind], kind.endswith("zh")
    if kind.startswith("sum"):
        a, b = random.randint(0, 10), random.randint(0, 10)
        answer = f"{a}加{b}等于{a + b}。" if chinese else f"{a} plus {b} is {a + b}."
        return Dialogue((question.format(a=a, b=b), answer))
    if kind.startswith("sort"):
        numbers, comma = random.sample(range(1, 30), 3), "、" if chinese else ", "
        answer = comma.join(map(str, sorted(numbers))) + ("。" if chinese else ".")
        return _listed(question, numbers, comma, answer)
    text = random.choice(sentences)[1 if chinese else 0]
    return Dialogue((question.format(text=text), text), True)
