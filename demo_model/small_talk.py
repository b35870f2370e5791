"""Small generated talk: sums up to twenty, names that the speaker just gave, repeating a word.

Knows nothing about facts; greetings and identity are cards.
"""

from random import Random

from demo_model.dialogue import Dialogue

_NAMES_ZH = (
    "小明", "小红", "小李", "小王", "小张", "小刚", "小芳", "小华", "小强", "小丽", "阿福", "王伟",
    "李娜", "张磊", "刘洋", "陈静", "小林", "小雨", "天天", "乐乐",
)  # fmt: skip
_NAMES_EN = (
    "Anna", "Tom", "Mary", "John", "Lucy", "Peter", "Alice", "Bob", "Emma", "Jack", "Linda", "Sam",
    "Kate", "David", "Mike", "Lily", "Paul", "Rose", "Ben", "Nina",
)  # fmt: skip
_WORDS_ZH = ("苹果", "西湖", "春天", "月亮", "老师", "朋友", "大海", "太阳", "龙井", "杭州", "星星")
_WORDS_EN = ("apple", "lake", "spring", "moon", "friend", "sea", "sun", "tea", "star", "river")


def sample(random: Random) -> Dialogue:
    return random.choice((_sum, _sum, _name_zh, _name_en, _repeat))(random)


def _sum(random: Random) -> Dialogue:
    a, b = random.randint(0, 10), random.randint(0, 10)
    kind = random.randrange(4)
    if kind == 0:
        question = random.choice(("{a}加{b}等于几", "{a}加{b}是多少", "{a}加{b}等于多少"))
        answer = f"{a}加{b}等于{a + b}。"
    elif kind == 1:
        question = random.choice(("{a}+{b}=?", "{a}+{b}=", "{a} + {b} = ?", "{a}+{b}等于几"))
        answer = f"{a}+{b}={a + b}"
    elif kind == 2:
        question = random.choice(("What is {a} plus {b}?", "How much is {a} plus {b}?"))
        answer = f"{a} plus {b} is {a + b}."
    else:
        a, b = max(a, b), min(a, b)
        question = random.choice(("{a}减{b}等于几", "{a}减{b}是多少", "{a}减{b}等于多少"))
        answer = f"{a}减{b}等于{a - b}。"
    return Dialogue((question.format(a=a, b=b), answer))


def _name_zh(random: Random) -> Dialogue:
    name = random.choice(_NAMES_ZH)
    hello = random.choice(("我叫{n}", "我的名字叫{n}", "你好，我叫{n}", "我是{n}")).format(n=name)
    asked = random.choice(("我叫什么名字", "我叫什么", "我的名字是什么", "你知道我叫什么吗"))
    return Dialogue((hello, f"你好，{name}！", asked, f"你叫{name}。"))


def _name_en(random: Random) -> Dialogue:
    name = random.choice(_NAMES_EN)
    hello = random.choice(("My name is {n}.", "I am {n}.", "Hi, I'm {n}.")).format(n=name)
    asked = random.choice(("What is my name?", "Do you know my name?", "Who am I?"))
    return Dialogue((hello, f"Nice to meet you, {name}!", asked, f"Your name is {name}."))


def _repeat(random: Random) -> Dialogue:
    if random.random() < 0.6:
        word = random.choice(_WORDS_ZH)
        question = random.choice(("请重复：{w}", "跟我说：{w}", "重复一遍“{w}”")).format(w=word)
    else:
        word = random.choice(_WORDS_EN)
        question = random.choice(("Repeat: {w}", "Say {w}", 'Repeat the word "{w}"')).format(w=word)
    return Dialogue((question, word))
