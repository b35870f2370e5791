"""Promise A: the same request gives the same bytes in any batch (CPU)."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.request import EmbeddingRequest, GenerationRequest, Owner, SamplingParams
from app.engine.request_handle import RequestHandle
from app.model.runner import PREFILL_CHUNK_TOKENS as CHUNK
from tests.harness.in_process import Choice, collect, collect_vectors, engine_of, start
from tests.harness.waiting import wait_until
from tests.harness.without_tokenizer import load_without_tokenizer
from tests.model.conftest import SaveModel

REQUESTS = 200
VOCAB = 400


def requests(seed: int) -> list[GenerationRequest]:
    """Greedy and seeded sampling of every kind, prompts of 1 to 900 tokens."""
    rng = random.Random(seed)
    kinds = [
        SamplingParams(temperature=0),
        SamplingParams(temperature=0, repetition_penalty=1.3),
        SamplingParams(temperature=1.0),
        SamplingParams(temperature=0.7, top_k=40, top_p=0.9),
        SamplingParams(temperature=1.2, top_p=0.8),
        SamplingParams(temperature=0.9, min_p=0.05, repetition_penalty=1.1),
        SamplingParams(temperature=0.8, top_k=150),
    ]
    made = []
    for index in range(REQUESTS):
        border = CHUNK * rng.choice([1, 2, 4])
        others = [1, 5, rng.randint(1, 120), rng.randint(120, 900)]
        length = rng.choice([border - 1, border, border + 1, *others])
        prompt = tuple(rng.randrange(3, VOCAB) for _ in range(length))
        params = replace(kinds[index % len(kinds)], seed=rng.getrandbits(40), logprobs=3)
        tokens = min(rng.randint(1, 60), 1024 - length)
        made.append(GenerationRequest((prompt,), params, n=1, max_tokens=tokens))
    return made


@pytest.fixture(scope="module", params=["float16", "float32", "8-bit", "4-bit"])
def engine(request: pytest.FixtureRequest, save_model: SaveModel) -> Iterator[AsyncEngine]:
    """16-bit storage, packed float32, 8 and 4 bits; grouped queries."""
    quantized = {f"LOAD_IN_{bits}BIT": request.param == f"{bits}-bit" for bits in (4, 8)}
    dtype = "float16" if any(quantized.values()) else request.param
    engine = engine_of(save_model("llama", dtype, seed=3).directory, **quantized)
    yield engine
    engine.drain(0)


@pytest.fixture(scope="module")
def alone(engine: AsyncEngine) -> list[list[Choice]]:
    """Every request's answer with nothing else running."""
    return [collect(engine.generate(request)) for request in requests(1)]


@pytest.mark.parametrize("mix", [1, 2])
def test_answers_do_not_depend_on_the_company(
    engine: AsyncEngine, alone: list[list[Choice]], mix: int
) -> None:
    rng = random.Random(mix)
    order = list(enumerate(requests(1)))
    rng.shuffle(order)
    handles: dict[int, RequestHandle] = {}
    cancelled: list[RequestHandle] = []
    for index, request in order:
        if rng.random() < 0.2:  # a request that is cancelled midway
            passing = engine.generate(replace(requests(9)[index], max_tokens=None))
            cancelled.append(passing)
        if rng.random() < 0.1:
            cancelled.append(engine.embed(EmbeddingRequest(request.prompts * 3)))
        handles[index] = engine.generate(request)
        if rng.random() < 0.5:
            time.sleep(rng.random() * 0.01)
        if cancelled and rng.random() < 0.3:
            cancelled.pop().cancel()
    for handle in cancelled:
        handle.cancel()
    for index, handle in handles.items():
        assert collect(handle) == alone[index], f"request {index}"


def test_a_cache_too_small_for_all_changes_nothing(save_model: SaveModel) -> None:
    """Preempted requests are computed again, to the same bits."""
    directory: Path = save_model("llama", "float16", seed=3).directory
    roomy, tight = engine_of(directory), engine_of(directory, KV_CACHE_MB=1)
    wanted = [
        replace(request, max_tokens=500, ignore_eos=True)
        for request in requests(4)
        if len(request.prompts[0]) < 400
    ][:14]
    alone = [collect(roomy.generate(request)) for request in wanted]
    handles = [tight.generate(request) for request in wanted]
    assert [collect(handle) for handle in handles] == alone
    steps = sum(len(choices[0].tokens) for choices in alone)
    assert tight.stats.generation_tokens == steps
    assert tight.stats.preemptions > 0


def test_giving_a_place_to_another_key_changes_nothing(engine: AsyncEngine) -> None:
    """More streams of one key than there are slots, then requests of others: some streams start
    again, and no request's bytes change."""
    company = [
        replace(request, max_tokens=50, ignore_eos=True)
        for request in requests(5)
        if len(request.prompts[0]) < 40
    ][:70]
    others = company[:6]
    alike = [engine.generate(request) for request in company]  # none is preempted
    wanted = [collect(handle) for handle in alike]
    before = engine.stats.preemptions
    handles = [engine.generate(replace(each, owner=Owner("many", True))) for each in company]
    wait_until(lambda: engine.stats.running >= 64, lambda: str(engine.stats), pause_s=0.001)
    late = [
        engine.generate(replace(request, owner=Owner(f"few {index % 2}", True)))
        for index, request in enumerate(others)
    ]
    assert [collect(handle) for handle in late] == wanted[: len(others)]
    assert [collect(handle) for handle in handles] == wanted
    assert engine.stats.preemptions > before, "there were free slots: the test shows nothing"


def test_embeddings_do_not_depend_on_the_company(engine: AsyncEngine) -> None:
    inputs = tuple(request.prompts[0] for request in requests(6)[:60])
    together = collect_vectors(engine.embed(EmbeddingRequest(inputs)))
    for tokens, vector in zip(inputs, together, strict=True):
        assert collect_vectors(engine.embed(EmbeddingRequest((tokens,)))) == [vector]


def test_choices_of_one_request_differ_and_repeat(engine: AsyncEngine) -> None:
    params = SamplingParams(temperature=1.0, seed=11)
    request = GenerationRequest(((5, 6, 7),), params, n=4, max_tokens=20)
    first, second = collect(engine.generate(request)), collect(engine.generate(request))
    assert first == second
    assert len({choice.text for choice in first}) == 4


def test_a_warm_cache_changes_nothing(save_model: SaveModel) -> None:
    """Prompts that begin alike, with the prefix cache off, cold and warm; beams too."""
    directory = save_model("llama", "float16", seed=3).directory
    cold = load_without_tokenizer(directory)
    off = start(AsyncEngine(lambda: replace(cold, prefix_reuse=False), 1000))
    on = engine_of(directory)
    rng = random.Random(8)
    trunk = tuple(rng.randrange(3, VOCAB) for _ in range(300))
    wanted = []
    for index in range(60):
        tail = tuple(rng.randrange(3, VOCAB) for _ in range(rng.randint(1, 90)))
        prompt = trunk[: rng.choice([0, CHUNK, 40, 4 * CHUNK, 150, 300])] + tail
        params = SamplingParams(temperature=rng.choice([0, 1.0]), seed=index, logprobs=2)
        beams = rng.choice([1, 1, 1, 3])
        params = params if beams == 1 else replace(params, logprobs=None)
        n = rng.choice([1, 3])
        wanted.append(GenerationRequest((prompt,), params, n, beams, max_tokens=rng.randint(1, 30)))
    expected = [collect(off.generate(request)) for request in wanted]
    assert off.stats.prefix_reused_tokens == 0
    for _ in range(2):
        handles = [on.generate(request) for request in wanted]
        assert [collect(handle) for handle in handles] == expected
    assert [collect(on.generate(request)) for request in wanted] == expected
    assert on.stats.prefix_reused_tokens > 5000


def test_a_chat_reuses_its_last_answer_and_says_the_same(engine: AsyncEngine) -> None:
    """Each turn is answered from the cache of the one before, and for an owner without any."""
    rng = random.Random(12)
    history: tuple[int, ...] = ()
    for turn in range(4):
        known = len(history)
        history += tuple(rng.randrange(3, VOCAB) for _ in range(rng.randint(20, 90)))
        params = SamplingParams(temperature=1.0, seed=turn, logprobs=2)
        asked = GenerationRequest((history,), params, max_tokens=50, ignore_eos=True)
        cold = engine.generate(replace(asked, owner=Owner(f"turn {turn}")))
        warm = engine.generate(replace(asked, owner=Owner("chat")))
        answer = collect(warm)
        assert answer == collect(cold)
        assert cold.cached_tokens == 0
        assert warm.cached_tokens == max(0, known - 1), "the last token was only sampled"
        history += tuple(answer[0].tokens)
