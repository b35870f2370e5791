"""Streamed and whole answers are the same characters, over 500 seeded requests.

Knows nothing about tokens; prompts and sampling are made so that answers hold broken and whole
emoji, Chinese, mixed scripts and stray bytes.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conformance.asking import BYTES, CHAT_STREAM, CHAT_WHOLE, STREAM, WHOLE, Asker, Choice
from tests.harness.client import COMPLETIONS

REQUESTS = 500
TEXTS = (
    "😀👩‍👩‍👧‍👦🇨🇳",
    "西湖美景三月天",
    "naïve Ωmega на русском",
    "ไทย 한국어 हिन्दी",
    "a\n\n\tb  c",
    "𠮷野家",
)


def request(number: int, *, scores_prompts: bool) -> tuple[bool, dict[str, Any]]:
    """Whether it is a chat, and its fields: the same for the same number. scores_prompts: `echo`
    may come with `logprobs`."""
    rng = random.Random(number)
    fields: dict[str, Any] = {"temperature": 2, "top_k": 0, "top_p": 1, "seed": number}
    fields["max_tokens"] = rng.randint(1, 16)
    if rng.random() < 0.5:  # bytes in a row: halves of characters, and some whole ones
        lead = rng.sample(range(3 + 0xE4, 3 + 0xF5), 2)
        follow = rng.sample(range(3 + 0x80, 3 + 0xC0), 6)
        fields["logit_bias"] = {str(token): 14 for token in (*lead, *follow)}
    if rng.random() < 0.3:
        fields["stop"] = rng.sample(["\ufffd\ufffd", "的", "e", " ", "😀", "。"], 2)
    if rng.random() < 0.3:
        fields["n"] = 3
    chat = rng.random() < 0.3
    if chat:
        fields["messages"] = [{"role": "user", "content": rng.choice(TEXTS)}]
        fields["logprobs"] = True
    else:
        ids = [1, *rng.choices(range(259, 4000), k=4), *rng.choices(BYTES, k=rng.randint(0, 5))]
        fields["prompt"] = rng.choice([ids, rng.choice(TEXTS)])
        fields["prompt_template"] = rng.choice(["none", "alpaca"])
        fields["echo"] = rng.random() < 0.3
        fields["logprobs"] = rng.choice([None, 0, 2])
        if fields["echo"] and fields["logprobs"] is not None:
            fields["prompt_template"] = "none"  # a text that is scored has no template
            if not scores_prompts:
                fields["logprobs"] = None
    return chat, fields


def test_streamed_is_whole(ask: Asker) -> None:
    # An upstream that refuses both together: test_logprobs.py has that.
    asked = {"prompt": "a", "prompt_template": "none", "echo": True, "logprobs": 0}
    scores_prompts = ask.client.post(COMPLETIONS, asked).status == 200

    def both(number: int) -> list[Choice]:
        chat, fields = request(number, scores_prompts=scores_prompts)
        whole = ask(CHAT_WHOLE if chat else WHOLE, **fields)
        streamed = ask(CHAT_STREAM if chat else STREAM, **fields)
        assert streamed.choices == whole.choices, fields
        assert streamed.usage == whole.usage, fields
        return whole.choices

    with ThreadPoolExecutor(16) as pool:
        choices = [choice for found in pool.map(both, range(REQUESTS)) for choice in found]
    texts = [choice.text for choice in choices]
    assert len(texts) > REQUESTS
    assert sum("\ufffd" in text for text in texts) > 50, "bytes that are no characters"
    assert sum(any(ord(c) > 0xFFFF for c in text) for text in texts) > 10, "emoji"
    assert sum(any("\u4e00" <= c <= "\u9fff" for c in text) for text in texts) > 100
    assert {choice.reason for choice in choices} == {"stop", "length"}
