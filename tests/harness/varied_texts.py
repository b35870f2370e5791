"""Texts on which tokenizers differ: blanks, digits, contractions, scripts, emoji."""

from __future__ import annotations

import random
from collections.abc import Iterator

_PARTS = (
    "The quick brown fox", " jumps over", "the lazy dog.", "don't", "DON'T", "we'Ll",
    "it's", "I'VE", "12", "345", "67890", "3.14159", "1,000,000", "0x1F", "²³", "Ⅻ", "٣٤",
    " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n\n", " \n ", "\u00a0", "\u3000", "\u200b",
    "\u2028", "\x00", "\x1b[0m", "\x7f", "def f(x):\n    return x ** 2",
    "if (a && b) { c[i] += 1; }", "<|im_start|>", "<s>", "</s>", "<unk>",
    "https://example.org/a?b=c&d=%20", "user@example.org", "C:\\temp\\x", "--flag=value",
    "___", "...", "!?!?", "“quoted”", "(brackets)", "$9.99", "€5", "50%", "#tag", "a_b-c",
    "camelCaseWord", "ALLCAPS", "告诉我中国的首都在哪里？", "西湖在杭州，景色很美。",
    "繁體中文", "日本語テキスト", "カタカナ", "한국어 문장", "ру́сский текст", "Ελληνικά",
    "العربية", "עברית", "हिन्दी", "ไทย", "Tiếng Việt", "Ünïcödé", "e\u0301", "n\u0303", "ﬁ",
    "🙂", "👩‍👩‍👧", "🇨🇳", "\U0001f9ff", "\ufeff", "\ue000", "▁", "Ġ", "Ċ", "<0x41>",
    "[PAD]",
)  # fmt: skip


def varied_texts(count: int, seed: int = 0) -> Iterator[str]:
    """`count` texts of up to 12 parts, glued together with or without blanks."""
    chooser = random.Random(seed)
    yield from ("", *_PARTS)
    for _ in range(count - len(_PARTS) - 1):
        glue = chooser.choice(("", "", " ", "\n"))
        text = glue.join(chooser.choices(_PARTS, k=chooser.randint(1, 12)))
        yield text[chooser.randint(0, 3) :] if chooser.random() < 0.3 else text
