"""Promise A on a real model, in 16, 8 and 4 bits: the same request gives the same answer and
the same logprobs, alone and in company, whether its prompt is in the cache or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.request import EmbeddingRequest, GenerationRequest, Owner, SamplingParams
from tests.harness.in_process import Choice, collect, collect_vectors
from tests.real.asking import CONVERSATIONS
from tests.real.sentences import CHINESE, ENGLISH

KINDS = [
    SamplingParams(temperature=0, logprobs=3),
    SamplingParams(temperature=0.8, top_p=0.9, logprobs=3),
    SamplingParams(temperature=1.1, top_k=40, repetition_penalty=1.1, logprobs=3),
    SamplingParams(temperature=0, presence_penalty=0.5, logprobs=3),
]


FOUR_BIT = pytest.param("four_bit", marks=pytest.mark.figures)  # tests/model has 4 bits too


@pytest.fixture(scope="module", params=["engine", "eight_bit", FOUR_BIT])
def served(request: pytest.FixtureRequest) -> AsyncEngine:
    """One after the other: the weights as they are, --load_in_8bit and --load_in_4bit."""
    engine: AsyncEngine = request.getfixturevalue(request.param)
    return engine


def requests(engine: AsyncEngine) -> list[GenerationRequest]:
    """Short and long prompts, greedy and seeded; some begin alike."""
    texts = [messages[-1]["content"] for messages in CONVERSATIONS[::6]]
    texts.append(texts[0] + " " + " ".join(ENGLISH[100:140]))
    texts.append(texts[0] + " " + " ".join(ENGLISH[100:140]) + "".join(CHINESE[50:60]))
    return [
        GenerationRequest(
            (engine.encode(text),), replace(KINDS[number % 4], seed=number), max_tokens=16
        )
        for number, text in enumerate(texts)
    ]


def company(engine: AsyncEngine) -> list[GenerationRequest]:
    """What else runs: longer answers, several choices, beams."""
    sampled = SamplingParams(temperature=1.0, seed=7)
    made = [
        GenerationRequest((engine.encode(text),), sampled, max_tokens=40)
        for text in (*ENGLISH[10:14], *CHINESE[10:13])
    ]
    made.append(GenerationRequest((engine.encode(" ".join(ENGLISH[:60])),), sampled, max_tokens=9))
    made.append(GenerationRequest((engine.encode(ENGLISH[5]),), sampled, n=3, max_tokens=20))
    greedy = SamplingParams(temperature=0)
    made.append(GenerationRequest((engine.encode(CHINESE[5]),), greedy, num_beams=3, max_tokens=10))
    return made


def within(requests: list[GenerationRequest], scope: str) -> list[GenerationRequest]:
    """The same, of an owner whose prompts alone may serve them from the cache."""
    return [replace(request, owner=Owner(scope)) for request in requests]


def test_alone_and_in_company(served: AsyncEngine) -> None:
    asked = requests(served)
    alone = [collect(served.generate(request)) for request in within(asked, "alone")]
    assert sum(bool(choices[0].logprobs) for choices in alone) > len(asked) // 2
    for scope in ("company", "company", "alone"):  # cold, warm, warm from another time
        others = [served.generate(request) for request in company(served)]
        handles = [served.generate(request) for request in within(asked, scope)]
        assert 8 <= len(others) + len(handles) - 1
        together: list[list[Choice]] = [collect(handle) for handle in handles]
        for number, (first, second) in enumerate(zip(alone, together, strict=True)):
            assert first == second, f"request {number}, {scope}"
        for handle in others:
            collect(handle)
    assert served.stats.prefix_reused_tokens > 0


def test_embeddings(served: AsyncEngine) -> None:
    inputs = tuple(served.encode(text) for text in (*ENGLISH[20:26], *CHINESE[20:26]))
    together = collect_vectors(served.embed(EmbeddingRequest(inputs)))
    for tokens, vector in zip(inputs[::3], together[::3], strict=True):
        assert collect_vectors(served.embed(EmbeddingRequest((tokens,)))) == [vector]
