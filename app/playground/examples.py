"""Things to try at once, in both languages: questions that the embedded model can answer.

Knows nothing about models; what is in it is in the embedded model's training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Examples:
    """What one language's page offers."""

    chat: tuple[str, ...]
    completion: tuple[str, ...]
    embeddings: Mapping[str, tuple[str, ...]]  #: by the key of its name


_TWO_LANGUAGES = (
    "今天天气真不错",
    "The weather is really nice today",
    "我饿了",
    "I am hungry",
    "他在哪里？",
    "Where is he?",
)

EXAMPLES: Mapping[str, Examples] = {
    "en": Examples(
        chat=(
            "What is the capital of France?",
            "Compare China and the USA",
            "What can you do?",
            "给我讲一些有关杭州的故事吧",
        ),
        completion=(
            "What is the capital of Japan?",
            "Name the four seasons.",
            "Tell me about China.",
        ),
        embeddings={
            "paraphrases": (
                "What is the capital of France?",
                "Which city is the capital of France?",
                "How many days are there in a week?",
                "How many days does a week have?",
                "I am hungry.",
                "I am very hungry.",
            ),
            "translations": _TWO_LANGUAGES,
            "topics": (
                "I am hungry.",
                "I am tired.",
                "Where is my book?",
                "Where is my bag?",
                "He went home.",
                "He went to school.",
            ),
        },
    ),
    "zh-CN": Examples(
        chat=(
            "告诉我中国的首都在哪里",
            "给我讲一些有关杭州的故事吧",
            "西湖十景有哪些",
            "What is the capital of France?",
        ),
        completion=(
            "告诉我中国和美国分别各有哪些优点缺点",
            "介绍一下西湖",
            "一年有几个季节",
        ),
        embeddings={
            "paraphrases": (
                "中国的首都在哪里？",
                "告诉我中国的首都在哪里",
                "给我讲一些有关杭州的故事吧",
                "讲讲杭州的故事",
                "一年有几个月",
                "一年有多少个月",
            ),
            "translations": _TWO_LANGUAGES,
            "topics": (
                "法国的首都在哪里？",
                "日本的首都在哪里？",
                "我喜欢茶。",
                "我喜欢牛奶。",
                "他在看书。",
                "他在睡觉。",
            ),
        },
    ),
}
