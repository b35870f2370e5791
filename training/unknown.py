"""Questions the model must not pretend to answer: invented countries, news, private matters.

Knows nothing about the real facts in the other sources.
"""

from random import Random

from training.dialogue import Dialogue

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
    "我昨天吃了什么", "我今年多大", "我住在哪里", "我的生日是哪天", "我妈妈姓什么", "怎么种花",
    "猫为什么怕水", "地震是怎么来的", "什么是通货膨胀", "怎么写简历", "谁发明了飞机",
    "谁发明了火车", "谁发明了造纸机", "彗星是什么", "什么是引力波", "原子是什么",
    "帮我写一封道歉信", "帮我写一份合同", "给我写一个通知", "帮我改一下作文", "怎么做面包",
    "怎么包粽子", "怎么烤鱼", "我的手机在哪里", "我的书包放在哪里了", "后天会刮风吗",
    "下个月会很冷吗", "推荐一家饭店", "推荐一个牌子的电视", "哪种电脑最好", "什么车最省油",
    "哪个城市的房子便宜", "解释一下板块运动", "解释一下蒸发", "昨晚的节目好看吗",
    "上周的考试结果怎么样", "怎么治咳嗽", "怎么治近视", "失眠怎么办", "帮我做个表格",
    "帮我做一个小程序", "贝多芬是谁", "拿破仑是谁", "柏拉图是谁", "秦始皇是怎么死的",
    "9124乘以36等于多少", "738除以6等于多少", "6021减4417等于几", "我哥哥叫什么名字",
    "我老师姓什么", "我的狗叫什么", "油价会跌吗", "明年黄金多少钱一克", "怎么下围棋", "怎么游泳",
    "怎么修自行车", "什么是法律", "什么是哲学", "什么是经济", "给我讲讲股票", "关上窗户",
    "帮我关灯", "宋朝是哪一年建立的", "清朝有几个皇帝", "哪一年发生了大地震", "今晚有什么电视",
    "我该选哪个专业", "我应该买房吗", "人会永远活着吗", "外星人存在吗", "鱼会睡觉吗",
    "蚂蚁有几条腿", "大象能活多少年", "为什么会打雷", "怎样才能睡得好", "维生素有什么用",
    "怎么戒烟", "公司怎么注册", "怎么交税", "签证怎么办",
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
    "Who is the best singer?", "Recommend a movie.", "How do I fix my car?", "Where do I live?",
    "What will happen next year?", "What is the date today?", "Write a Python function.",
    "Explain machine learning.", "What is artificial intelligence?", "Who invented the telephone?",
    "Who is the president?", "How big is the universe?", "What is the speed of light?",
    "How can I lose weight?", "I have a headache. What should I do?", "How do I learn English?",
    "Recommend a book.", "How do I cook rice?", "Why do we dream?", "What is blockchain?",
    "Should I buy bitcoin?", "Call my mother.", "Play a song.", "Wake me up at seven.",
    "What is the meaning of life?", "What is love?", "Who wrote Hamlet?", "Who was Einstein?",
    "What is the formula of water?", "What is 37 times 89?", "What is 4567 plus 8912?",
    "What is the square root of two?", "How far away is the moon?", "Why do planes fly?",
    "My phone is broken. What can I do?", "How much is a ticket to Paris?", "Draw me a picture.",
    "Summarize this article.", "Who won the World Cup?", "How old am I?", "When is my birthday?",
    "What did I eat yesterday?", "How do I grow flowers?", "What causes earthquakes?",
    "What is inflation?", "How do I write a resume?", "Which restaurant is good?",
    "Solve this equation.", "Fix my code.", "What is democracy?",
    "Tell me about the French Revolution.", "How does a computer work?", "Turn on the light.",
    "Who invented the airplane?", "Who invented the radio?", "What is a comet?", "What is an atom?",
    "Write a letter to my boss.", "Write a contract for me.", "How do I bake bread?",
    "How do I make soup?", "Where is my phone?", "Where did I put my bag?", "Recommend a song.",
    "Recommend a doctor.", "Explain evaporation.", "Explain gravity.", "What was the result?",
    "Which car is the best?", "Which computer should I buy?", "Make me a website for my shop.",
    "Who was Beethoven?", "Who was Napoleon?", "What is 9124 times 36?",
    "What is 738 divided by 6?", "What is my brother's name?", "What is my teacher called?",
    "Will oil get cheaper?", "How do I play chess?", "How do I swim?", "Turn off the radio.",
    "Close the window.", "Why is the sky dark at night?", "What is economics?", "What is law?",
    "How do magnets work?", "How do batteries work?", "Order me a taxi.", "Order some flowers.",
    "Are there aliens?", "How long do elephants live?", "Why do cats purr?",
    "How can I sleep better?", "How do I stop smoking?", "How do I pay taxes?",
    "Should I buy a house?", "What is on TV?", "When did the war end?",
    "How many people live on earth?", "What is a virus?", "Translate this book.",
    "Check my homework.", "What is the best school?",
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
