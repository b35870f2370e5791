"""A hundred prompts in many scripts: a stream's deltas join to the text of the response.

High temperature and ignore_eos produce unusual texts.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from tests.harness.client import CHAT, COMPLETIONS, Client

REQUESTS = 100
PIECES = (
    "告诉我中国的首都在哪里",
    "你好😀👍🏽，世界",
    "👨‍👩‍👧‍👦 family 🇨🇳",
    "Tell me about the West Lake.",
    "naïve café — “quotes” … ½",
    "こんにちは、元気ですか",
    "𠮷野家 㐀 龘",
    "a\tb\n\nc  d",
    "### Response: 不",
    "</s><s>[INST]",
    "안녕하세요 مرحبا שלום",
    "把“天气很好”翻译成英文",
)


def requests() -> list[tuple[str, dict[str, object]]]:
    """(path, body): greedy, low and high temperature; some with ignore_eos."""
    rng = random.Random(0)
    made: list[tuple[str, dict[str, object]]] = []
    for index in range(REQUESTS):
        text = "".join(rng.sample(PIECES, rng.randint(1, 3)))
        body: dict[str, object] = {"max_tokens": rng.randint(1, 40), "seed": index}
        body["temperature"] = rng.choice([0, 0.7, 2.0])
        body["top_k"] = 0
        body["ignore_eos"] = index % 3 == 0
        if index % 4 == 1:
            body["stop"] = ["。", "\n\n"]
        if index % 2:
            made.append((CHAT, {**body, "messages": [{"role": "user", "content": text}]}))
        else:
            template = rng.choice(["alpaca", "none"])
            made.append((COMPLETIONS, {**body, "prompt": text, "prompt_template": template}))
    return made


def test_streamed_text_is_the_whole_text(http: Client) -> None:
    def both(request: tuple[str, dict[str, object]]) -> tuple[str, str, str]:
        path, body = request
        choice = http.post(path, body).ok()["choices"][0]
        whole = choice["text"] if path == COMPLETIONS else choice["message"]["content"]
        events = http.stream(path, body)
        reasons = [reason for reason in events.reasons() if reason is not None]
        assert reasons == [choice["finish_reason"]], request
        return whole, events.text(), repr(request)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(both, requests()))
    for whole, streamed, request in results:
        assert streamed == whole, request
    # High temperature produces invalid UTF-8; without it this test would show little.
    assert any("\ufffd" in whole for whole, _, _ in results)
    assert any(len(whole) != len(whole.encode()) for whole, _, _ in results)
    assert len({whole for whole, _, _ in results}) > REQUESTS // 2
