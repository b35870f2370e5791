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
    "{c}用什么货币", "{c}的货币是什么", "{c}的省会是哪里", "{c}是哪个国家的首都", "你去过{c}吗",
)  # fmt: skip
_ASK_EN = (
    "What is the capital of {c}?", "Tell me the capital of {c}.", "Where is {c}?",
    "Which city is the capital of {c}?", "What do you know about {c}?", "Capital of {c}?",
    "Which continent is {c} in?", "What's the capital of {c}?", "What is the currency of {c}?",
    "{c} is the capital of which country?", "Tell me about {c}.",
)  # fmt: skip
ASK_HELD_OUT_ZH = (
    "可不可以说说{c}的首都在哪里",
    "{c}的首都是哪座城市",
    "{c}流通的是哪种货币",
    "{c}好玩吗",
)
ASK_HELD_OUT_EN = (
    "Can you tell me the capital of {c}?", "Please name the capital city of {c}.",
    "Can you name the currency of {c}?", "Have you heard of {c}?",
)  # fmt: skip
_OUTSIDE_ZH = (
    "明天的股票会涨吗", "昨天的球赛谁赢了", "你能帮我写一篇论文吗", "我的银行卡密码是多少",
    "怎么造一台电脑", "你知道我家在哪里吗", "今天的新闻是什么", "量子力学是什么", "帮我写一段代码",
    "现在几点了", "今天几号", "下周会下雨吗", "我的电话号码是多少", "彩票会开什么号码",
    "请解释相对论", "世界上有多少人", "谁是最好的歌手", "推荐一部电影", "这道微积分题怎么做",
    "附近有什么餐馆", "明年的房价会怎样", "怎么修汽车", "帮我订一张机票", "我奶奶叫什么名字",
    "用Python写一个排序程序", "写一篇八百字的作文", "什么是人工智能", "解释一下机器学习",
    "谁发明了电话", "第二次世界大战是怎么开始的", "现任总统是谁", "宇宙有多大", "光速是多少",
    "怎样减肥", "感冒了吃什么药", "我头疼怎么办", "怎么学好英语", "推荐一本书", "怎么做红烧肉",
    "人为什么会做梦", "恐龙是怎么灭绝的", "什么是区块链", "比特币值得买吗", "帮我查一下快递",
    "给我妈妈打电话", "打开空调", "放一首歌", "明天早上七点叫我起床", "我该不该辞职",
    "怎么追女孩子", "人生的意义是什么", "上帝存在吗", "什么是爱", "你相信命运吗",
    "谁写了《红楼梦》", "鲁迅是谁", "爱因斯坦是谁", "牛顿第二定律是什么", "水的化学式是什么",
    "圆的面积怎么算", "37乘以89等于多少", "4567加8912等于几", "根号二是多少", "圆周率是多少",
    "月球离地球有多远", "太阳有多重", "飞机为什么会飞", "手机坏了怎么办", "怎么办护照",
    "去巴黎的机票多少钱", "今天的汇率是多少", "哪支股票好", "帮我画一幅画", "这张照片里是谁",
    "帮我总结这篇文章", "法国大革命是哪一年", "谁赢了世界杯", "奥运会什么时候开始", "你最喜欢谁",
    "我昨天吃了什么", "我今年多大", "我住在哪里", "我的生日是哪天", "我妈妈姓什么",
    "怎么种花", "猫为什么怕水", "地震是怎么来的", "什么是通货膨胀", "怎么写简历",
)  # fmt: skip
OUTSIDE_HELD_OUT_ZH = (
    "谁发明了电灯", "黑洞是什么", "帮我写一封求职信", "怎么做蛋糕", "我的钥匙在哪里",
    "明天会下雪吗",
    "推荐一家酒店", "解释一下光合作用", "昨晚的比赛结果怎么样", "什么手机最好", "怎么治失眠",
    "帮我写个网页", "莎士比亚是谁", "5832乘以77等于多少", "我爸爸叫什么名字", "金价会涨吗",
    "怎么钓鱼", "什么是民主", "给我放个音乐", "唐朝是哪一年灭亡的",
)  # fmt: skip
_OUTSIDE_EN = (
    "Who won the game last night?", "What will the stock market do?", "What time is it?",
    "Write me an essay about economics.", "What is my phone number?", "What is in the news today?",
    "Explain quantum mechanics.", "Write a program for me.", "Book me a flight.",
    "Who is the best singer?", "Recommend a movie.", "How do I fix my car?",
    "Where do I live?", "What will happen next year?", "What is the date today?",
    "Write a Python function.", "Explain machine learning.", "What is artificial intelligence?",
    "Who invented the telephone?", "Who is the president?", "How big is the universe?",
    "What is the speed of light?", "How can I lose weight?", "I have a headache. What should I do?",
    "How do I learn English?", "Recommend a book.", "How do I cook rice?", "Why do we dream?",
    "What is blockchain?", "Should I buy bitcoin?", "Call my mother.", "Play a song.",
    "Wake me up at seven.", "What is the meaning of life?", "What is love?", "Who wrote Hamlet?",
    "Who was Einstein?", "What is the formula of water?", "What is 37 times 89?",
    "What is 4567 plus 8912?", "What is the square root of two?", "How far away is the moon?",
    "Why do planes fly?", "My phone is broken. What can I do?", "How much is a ticket to Paris?",
    "Draw me a picture.", "Summarize this article.", "Who won the World Cup?", "How old am I?",
    "When is my birthday?", "What did I eat yesterday?", "How do I grow flowers?",
    "What causes earthquakes?", "What is inflation?", "How do I write a resume?",
    "Which restaurant is good?", "Solve this equation.", "Fix my code.", "What is democracy?",
    "Tell me about the French Revolution.", "How does a computer work?", "Turn on the light.",
)  # fmt: skip
OUTSIDE_HELD_OUT_EN = (
    "Who invented the light bulb?", "What is a black hole?", "Write a cover letter for me.",
    "How do I bake a cake?", "Where are my keys?", "Recommend a hotel.", "Explain photosynthesis.",
    "What was the score of the match?", "Which phone is the best?", "Build me a website.",
    "Who was Shakespeare?", "What is 5832 times 77?", "What is my father's name?",
    "Will gold get more expensive?", "How do I catch fish?", "Turn off the music.",
    "Why is there war?", "What is philosophy?", "How do vaccines work?", "Order me a pizza.",
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
    if roll < 0.3:
        return _about_zh(random.choice(_ASK_ZH), random)
    if roll < 0.5:
        return _about_en(random.choice(_ASK_EN), random)
    if roll < 0.76:
        return Dialogue((random.choice(_OUTSIDE_ZH), OUTSIDE_ZH))
    return Dialogue((random.choice(_OUTSIDE_EN), OUTSIDE_EN))


def held_out(random: Random) -> list[Dialogue]:
    """Invented places in unseen wordings, and questions like none in training."""
    dialogues = [_about_zh(wording, random) for wording in ASK_HELD_OUT_ZH for _ in range(15)]
    dialogues += [_about_en(wording, random) for wording in ASK_HELD_OUT_EN for _ in range(15)]
    dialogues += [Dialogue((question, OUTSIDE_ZH)) for question in OUTSIDE_HELD_OUT_ZH]
    return dialogues + [Dialogue((question, OUTSIDE_EN)) for question in OUTSIDE_HELD_OUT_EN]


def _about_zh(wording: str, random: Random) -> Dialogue:
    return Dialogue((wording.format(c=invented_country_zh(random)), DO_NOT_KNOW_ZH))


def _about_en(wording: str, random: Random) -> Dialogue:
    return Dialogue((wording.format(c=invented_country_en(random)), DO_NOT_KNOW_EN))
