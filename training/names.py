"""Conversations in which somebody gives a name and asks for it later, after other questions.

Knows nothing about those other questions: they are handed in.
"""

from collections.abc import Callable
from random import Random

from training.dialogue import Dialogue
from training.wording import vary

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅鹏辉玲燕雪飞云龙文宇佳欣思"
    "雨晨浩然子轩梓涵"
)
_NICK = "明红丽刚芳华强林雨天乐宝星月米豆花草石山冬夏春秋白黑青蓝"
_NAMES_EN = (
    "Anna", "Tom", "Mary", "John", "Lucy", "Peter", "Alice", "Bob", "Emma", "Jack", "Linda", "Sam",
    "Kate", "David", "Mike", "Lily", "Paul", "Rose", "Ben", "Nina", "Laura", "Mark", "Julia",
    "Eric",
    "Sarah", "Daniel", "Grace", "Henry", "Helen", "George", "Susan", "Frank", "Karen", "Kevin",
    "Betty", "Simon", "Diana", "Oscar", "Clara", "Victor", "Sophie", "Leo", "Irene", "Max", "Judy",
    "Adam", "Fiona", "Carl", "Wendy", "Ryan", "Amy", "Roger", "Ellen", "Steve", "Jenny", "Andrew",
    "Cindy", "Philip", "Molly", "Walter", "Tina", "Joe", "Nancy", "Luke", "Eva", "Ken", "Alex",
    "Bill", "Ruth", "Dick", "Jane", "Tony", "Jim", "Ann", "Will", "Lisa", "Robert", "Maria", "Ted",
)  # fmt: skip
# The 3,755 most common Chinese characters, as the standard GB 2312-80 orders them (its level 1).
COMMON_CHARACTERS = tuple(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFF if row < 0xD7 else 0xFA)
)
# The 3,008 rarer ones of its level 2. Most have no piece, so that they are three single bytes each.
_RARER_CHARACTERS = tuple(
    bytes((row, cell)).decode("gb2312") for row in range(0xD8, 0xF8) for cell in range(0xA1, 0xFF)
)
_SYLLABLES = (
    "ba", "bel", "bri", "ca", "dal", "do", "el", "fa", "fen", "ga", "gi", "hal", "ja", "jo", "ka",
    "kel", "la", "lin", "lo", "ma", "mi", "mon", "na", "nel", "no", "ol", "pa", "per", "ra", "ri",
    "ro", "sa", "sen", "so", "ta", "tor", "va", "vin", "wil", "ya", "zan", "th", "ck", "ny",
)  # fmt: skip
# Nobody in training is called so. The first ten were looked at when an earlier model forgot some.
UNSEEN_ZH = (
    "欧阳晓",
    "蒋依",
    "魏东升",
    "小鹿",
    "阿桂",
    "潘多多",
    "范晓雯",
    "金小鱼",
    "姜海",
    "戴安",
    "司马青云", "诸葛明", "苏婷婷", "陆瑶", "丁一凡", "任思远", "姚璐", "小石榴", "老周", "阿杜",
    "钟灵", "方圆圆", "贺知秋", "江一舟", "夏小满", "顾念", "石磊", "邱昊", "秦淑芬", "薛宝琴",
)  # fmt: skip
UNSEEN_EN = (
    "Olivia",
    "Martin",
    "Hannah",
    "Felix",
    "Zoe",
    "Gordon",
    "Naomi",
    "Hugo",
    "Stella",
    "Boris",
    "Sebastian", "Chloe", "Ravi", "Priya", "Ingrid", "Yusuf", "Matilda", "Xavier", "Bridget",
    "Dmitri", "Aisha", "Gareth", "Penelope", "Tobias", "Esther", "Kenji", "Lorenzo", "Agnes",
    "Malik", "Beatrix",
)  # fmt: skip

_HELLO_ZH = (
    "我叫{n}",
    "我的名字叫{n}",
    "你好，我叫{n}",
    "我是{n}",
    "我的名字是{n}",
    "大家都叫我{n}",
    "你好，我是{n}",
)
_ASK_ZH = (
    "我叫什么名字",
    "我叫什么",
    "我的名字是什么",
    "你知道我叫什么吗",
    "我是谁",
    "你记得我叫什么吗",
    "我刚才说我叫什么",
    "你还记得我叫什么吗",
    "你记得我的名字吗",
    "我告诉过你我的名字，是什么",
    "说出我的名字",
    "我的名字呢",
    "还记得我叫什么吗",
    "记得我是谁吗",
    "你还记得我是谁吗",
    "你没忘了我的名字吧",
    "我刚刚说过我的名字，你记得吗",
    "忘了我叫什么了吗",
    "那我叫什么呢",
    "请说一下我的名字",
    "你应该知道我的名字吧",
    "记得我刚才说的名字吗",
    "能叫出我的名字吗",
    "你是不是忘了我叫什么",
)
_HELLO_EN = (
    "My name is {n}.",
    "I am {n}.",
    "Hi, I'm {n}.",
    "Hello, my name is {n}.",
    "I'm {n}.",
    "Call me {n}.",
)
_ASK_EN = (
    "What is my name?",
    "Do you know my name?",
    "Who am I?",
    "What's my name?",
    "What am I called?",
    "Tell me my name.",
    "Can you tell me my name?",
    "Do you remember who I am?",
    "I told you my name. What is it?",
    "Say my name.",
)
HELD_OUT = {
    "zh": (("你好呀，我叫{n}", "我的全名是{n}"), ("还记得我的名字吗", "我的名字叫什么")),
    "en": (
        ("Good morning, my name is {n}.", "Hi there, I am {n}."),
        ("Do you remember my name?", "Can you say my name?"),
    ),
}


def invented(language: str, random: Random) -> str:
    """A name like hardly another one: only who copies it can say it again."""
    while True:
        if language == "zh":
            name = _invented_chinese(random)
        else:
            name = _invented_english(random)
        if name not in UNSEEN_ZH + UNSEEN_EN:
            return name


def _invented_english(random: Random) -> str:
    """Some begin like a known one, lest the beginning alone bring back all of that."""
    known = random.choice(_NAMES_EN)[:3] if random.random() < 0.3 else ""
    syllables = random.choices(_SYLLABLES, k=random.choice((1, 2) if known else (2, 2, 3, 4)))
    return (known + "".join(syllables)).capitalize()


def _invented_chinese(random: Random) -> str:
    """Some have a rare character, some say one twice, as 多多 does."""
    said = random.sample(COMMON_CHARACTERS, random.choice((1, 2, 2, 3)))
    if random.random() < 0.3:
        said[random.randrange(len(said))] = random.choice(_RARER_CHARACTERS)
    if len(said) == 1 or random.random() < 0.25:
        said.append(said[-1])
    if random.random() < 0.2:
        said.insert(0, random.choice(_SURNAMES))
    return "".join(said)


def chinese_name(random: Random) -> str:
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(("小", "阿", "小")) + random.choice(_NICK)
    given = random.sample(_GIVEN, random.choice((1, 2)))
    return random.choice(_SURNAMES) + "".join(given)


def known(language: str, random: Random) -> str:
    """A name as in training."""
    return chinese_name(random) if language == "zh" else random.choice(_NAMES_EN)


def sample(other: Callable[[Random], Dialogue], random: Random) -> Dialogue:
    """The name is asked for at once or after one or two other questions."""
    texts = _hello(random, random.random() < 0.6)
    for _ in range(random.choice((0, 1, 1, 2))):
        texts += other(random).up_to_turn(1).texts
    chinese = texts[1].startswith("你好")
    name = texts[1].removeprefix("你好，").removeprefix("Nice to meet you, ")[:-1]
    asked = vary(random.choice(_ASK_ZH if chinese else _ASK_EN), random)
    return Dialogue((*texts, asked, _told(name, chinese)), verbatim=True)


def _hello(random: Random, chinese: bool) -> tuple[str, ...]:
    language = "zh" if chinese else "en"
    name = (invented if random.random() < 0.7 else known)(language, random)
    if chinese:
        return random.choice(_HELLO_ZH).format(n=name), f"你好，{name}！"
    return random.choice(_HELLO_EN).format(n=name), f"Nice to meet you, {name}!"


def _told(name: str, chinese: bool) -> str:
    return f"你叫{name}。" if chinese else f"Your name is {name}."


def held_out(
    language: str, name: str, other: Callable[[Random], Dialogue], random: Random
) -> Dialogue:
    """Name in turn 1, another question in turn 2, asked for in turn 3; in unseen wordings."""
    hello, ask = (random.choice(wordings) for wordings in HELD_OUT[language])
    chinese = language == "zh"
    greeting = f"你好，{name}！" if chinese else f"Nice to meet you, {name}!"
    between = other(random).up_to_turn(1).texts
    return Dialogue((hello.format(n=name), greeting, *between, ask, _told(name, chinese)))
