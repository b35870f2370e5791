"""Questions the model must not pretend to answer: invented countries, news, private matters.

Knows nothing about the real facts in the other sources.
"""

from random import Random

from demo_model.dialogue import Dialogue

_SYLLABLES_ZH = "洛维卡姆伦蒂亚格莱博尼索塔泽鲁菲贡多瓦西奥奎芬哈佐娜坦布里米德拉尔斯克"
_ENDINGS_ZH = ("", "", "国", "王国", "共和国", "岛", "星")
_SYLLABLES_EN = (
    "zor", "vel", "mar", "qui", "tan", "lor", "gra", "bel", "fen", "dru", "nok", "sil", "wex",
    "pha", "rim", "ul", "tor", "kal", "ost", "jin", "bra", "yth",
)  # fmt: skip
_ENDINGS_EN = ("ia", "land", "stan", "ovia", "ar", "os", "onia")

_ASK_ZH = (
    "{c}的首都是哪里", "{c}的首都在哪里", "{c}首都是哪里", "告诉我{c}的首都在哪里",
    "{c}的首都叫什么", "请问{c}的首都在哪里", "{c}的首都是什么", "{c}的首都是哪个城市",
    "{c}在哪个洲", "{c}在哪里", "{c}的人口是多少", "给我讲讲{c}的历史", "介绍一下{c}",
)  # fmt: skip
_ASK_EN = (
    "What is the capital of {c}?", "Tell me the capital of {c}.", "Where is {c}?",
    "Which city is the capital of {c}?", "What do you know about {c}?", "Capital of {c}?",
    "Which continent is {c} in?", "What's the capital of {c}?",
)  # fmt: skip
_OUTSIDE_ZH = (
    "明天的股票会涨吗", "昨天的球赛谁赢了", "你能帮我写一篇论文吗", "我的银行卡密码是多少",
    "怎么造一台电脑", "你知道我家在哪里吗", "今天的新闻是什么", "量子力学是什么", "帮我写一段代码",
    "现在几点了", "今天几号", "下周会下雨吗", "我的电话号码是多少", "彩票会开什么号码",
    "请解释相对论", "世界上有多少人", "谁是最好的歌手", "推荐一部电影", "这道微积分题怎么做",
    "附近有什么餐馆", "明年的房价会怎样", "怎么修汽车", "帮我订一张机票", "我奶奶叫什么名字",
)  # fmt: skip
_OUTSIDE_EN = (
    "Who won the game last night?", "What will the stock market do?", "What time is it?",
    "Write me an essay about economics.", "What is my phone number?", "What is in the news today?",
    "Explain quantum mechanics.", "Write a program for me.", "Book me a flight.",
    "Who is the best singer?", "Recommend a movie.", "How do I fix my car?",
    "Where do I live?", "What will happen next year?", "What is the date today?",
)  # fmt: skip

DO_NOT_KNOW_ZH = "对不起，我没有听说过这个地方。"
DO_NOT_KNOW_EN = "Sorry, I have never heard of that place."
OUTSIDE_ZH = "对不起，这个问题我不会回答，我只是一个演示用的小模型。"
OUTSIDE_EN = "Sorry, I cannot answer that. I am only a tiny demo model."


def invented_country_zh(random: Random) -> str:
    letters = random.sample(_SYLLABLES_ZH, random.choice((2, 3, 3, 4)))
    return "".join(letters) + random.choice(_ENDINGS_ZH)


def invented_country_en(random: Random) -> str:
    stem = "".join(random.sample(_SYLLABLES_EN, random.choice((1, 2, 2))))
    return (stem + random.choice(_ENDINGS_EN)).capitalize()


def sample(random: Random) -> Dialogue:
    roll = random.random()
    if roll < 0.45:
        name = invented_country_zh(random)
        question = random.choice(_ASK_ZH).format(c=name)
        return Dialogue((question, DO_NOT_KNOW_ZH))
    if roll < 0.75:
        name = invented_country_en(random)
        question = random.choice(_ASK_EN).format(c=name)
        return Dialogue((question, DO_NOT_KNOW_EN))
    if roll < 0.9:
        return Dialogue((random.choice(_OUTSIDE_ZH), OUTSIDE_ZH))
    return Dialogue((random.choice(_OUTSIDE_EN), OUTSIDE_EN))
