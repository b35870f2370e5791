"""What people ask a small model, in English and Chinese: 46 conversations.

Knows nothing about tokens or servers.
"""

from __future__ import annotations

Messages = list[dict[str, str]]

_QUESTIONS = [
    "What is the capital of France?",
    "Explain what a prime number is in one sentence.",
    "Write a haiku about rain.",
    "List three reasons to drink water.",
    "Translate 'good morning' into Spanish.",
    "Who wrote Romeo and Juliet?",
    "What is 12 + 30?",
    "Why is the sky blue?",
    "Give me a recipe for pancakes.",
    "Write a Python function that reverses a string.",
    "Summarize: The quick brown fox jumps over the lazy dog.",
    "What does HTTP stand for?",
    "Name the planets of the solar system.",
    "How do I boil an egg?",
    "Write one line of SQL that counts the rows of a table called users.",
    "Is a tomato a fruit or a vegetable?",
    "Correct the grammar: he go to school yesterday",
    "Tell me a joke.",
    "What's the difference between a list and a tuple in Python?",
    "Write an email to my boss: I am ill today.",
    "Convert 5 km to miles.",
    "def fib(n):\n    # continue\n",
    "Name a color, then a fruit, then a city. Separate them with commas.",
    "🙂🙃 what do these mean?",
    "中国的首都是哪里？",
    "用一句话解释什么是人工智能。",
    "写一首关于西湖的短诗。",
    "请把“早上好”翻译成英文。",
    "一加一等于几？",
    "推荐三本中国古典小说。",
    "为什么天空是蓝色的？",
    "请列出五种水果。",
    "怎样煮鸡蛋？",
    "杭州有什么好玩的地方？",
    "用 Python 写一个求和函数。",
    "“学而时习之”下一句是什么？",
    "Please answer in Chinese: what is tea?",
    "你好",
]

CONVERSATIONS: list[Messages] = [
    *([{"role": "user", "content": question}] for question in _QUESTIONS),
    [
        {"role": "system", "content": "You are a pirate. Answer in one short sentence."},
        {"role": "user", "content": "Where is my ship?"},
    ],
    [
        {"role": "system", "content": "只用中文回答。"},
        {"role": "user", "content": "What is your name?"},
    ],
    [
        {"role": "system", "content": ""},
        {"role": "user", "content": "Say hello."},
    ],
    [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Nice to meet you, Ada!"},
        {"role": "user", "content": "What is my name?"},
    ],
    [
        {"role": "user", "content": "给我讲一些有关杭州的故事吧"},
        {"role": "assistant", "content": "好的，请问您对杭州有什么特别的偏好吗？"},
        {"role": "user", "content": "我比较喜欢西湖"},
    ],
    [
        {"role": "user", "content": "Count from 1 to 5."},
        {"role": "assistant", "content": "1, 2, 3, 4, 5"},
        {"role": "user", "content": "Now   backwards,\n\n  one number a line."},
    ],
    [{"role": "user", "content": "Repeat this table:\n| a |   b |\n|---|----:|\n| 1 |   2.50 |"}],
    [
        {"role": "user", "content": "Summarize this:\n" + "The river rises in the hills. " * 60},
    ],
]
