"""Beam search gives the same answers as transformers, alone and in any batch.

The reference is `generate`, prompt by prompt. Where two candidates' scores differ by less than the
rounding error, the searches may diverge: then the scores of the answers are compared.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel

from app.engine.async_engine import AsyncEngine
from app.engine.events import FinishReason
from app.engine.request import GenerationRequest, SamplingParams
from app.engine.token_ids import TokenIds
from tests.harness.in_process import collect, engine_of
from tests.model.conftest import SavedModel, SaveModel
from tests.model.test_promise_b import TIE, prompts
from tests.model.test_sampler import chi_squared_p

EOS = [2, 17, 45]


@pytest.fixture(scope="module")
def saved(save_model: SaveModel) -> SavedModel:
    """A small model whose answers may end at any of three tokens."""
    saved = save_model("llama", "float32", seed=8)
    path = saved.directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": EOS}))
    (saved.directory / "generation_config.json").unlink(missing_ok=True)
    return saved


@pytest.fixture(scope="module")
def engine(saved: SavedModel) -> AsyncEngine:
    """The engine of `saved`."""
    return engine_of(saved.directory)


def settings(beams: int, tokens: int, penalty: float, **more: object) -> GenerationConfig:
    return GenerationConfig(
        num_beams=beams, max_new_tokens=tokens, repetition_penalty=penalty, do_sample=False,
        eos_token_id=EOS, pad_token_id=0, length_penalty=1.0, early_stopping=False, **more,
    )  # fmt: skip


def generated(model: PreTrainedModel, prompt: TokenIds, config: GenerationConfig) -> list[int]:
    ids = torch.tensor([list(prompt)])
    with torch.inference_mode():
        out = model.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    return trimmed(out[0, len(prompt) :].tolist())


def trimmed(tokens: list[int]) -> list[int]:
    """Up to the first end token."""
    for index, token in enumerate(tokens):
        if token in EOS:
            return tokens[: index + 1]
    return tokens


def mean_score(
    model: PreTrainedModel, prompt: TokenIds, answer: list[int], penalty: float
) -> float:
    """The score by which the search ranks an answer: mean processed log-probability per token."""
    ids = torch.tensor([[*prompt, *answer]])
    with torch.inference_mode():
        logprobs = torch.log_softmax(model(ids).logits[0].float(), -1)
    total = 0.0
    for index, token in enumerate(answer):
        value = logprobs[len(prompt) + index - 1, token].item()
        if penalty != 1.0 and token in ids[0, : len(prompt) + index]:
            value *= penalty
        total += value
    return total / len(answer)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("beams", [2, 4, 16])
@pytest.mark.parametrize(
    "lengths",
    [((1, 50), (7, 25), (90, 4)), pytest.param(((7, 50), (90, 50)), marks=pytest.mark.figures)],
)
def test_answers_are_those_of_transformers(
    saved: SavedModel,
    engine: AsyncEngine,
    lengths: tuple[tuple[int, int], ...],
    beams: int,
    penalty: float,
) -> None:
    """lengths: pairs of answer length in tokens and number of prompts."""
    params = SamplingParams(temperature=0, repetition_penalty=penalty)
    for tokens, count in lengths:
        wanted = prompts(beams, 400)[:count]
        request = GenerationRequest(tuple(wanted), params, num_beams=beams, max_tokens=tokens)
        choices = collect(engine.generate(request))
        other = 0
        for prompt, choice in zip(wanted, choices, strict=True):
            theirs = generated(saved.reference, prompt, settings(beams, tokens, penalty))
            if choice.tokens != theirs:
                other += 1
                gap = mean_score(saved.reference, prompt, theirs, penalty) - mean_score(
                    saved.reference, prompt, choice.tokens, penalty
                )
                assert abs(gap) < TIE, f"{choice.tokens} is not {theirs}"
        assert other <= count // 10


@pytest.mark.parametrize("beams", [1, 4])
def test_min_tokens_are_those_of_transformers(
    saved: SavedModel, engine: AsyncEngine, beams: int
) -> None:
    wanted = tuple(prompts(beams, 400)[:8])
    params = SamplingParams(temperature=0)
    request = GenerationRequest(wanted, params, num_beams=beams, max_tokens=24, min_tokens=16)
    ended = 0
    for prompt, choice in zip(wanted, collect(engine.generate(request)), strict=True):
        theirs = generated(saved.reference, prompt, settings(beams, 24, 1.0, min_new_tokens=16))
        assert choice.tokens == theirs and not set(choice.tokens[:16]) & set(EOS)
        ended += len(choice.tokens) < 24
    free = collect(engine.generate(replace(request, min_tokens=0)))
    assert ended < len(wanted) or any(len(choice.tokens) < 16 for choice in free)


def test_a_stop_token_completes_a_beam(engine: AsyncEngine) -> None:
    prompt = prompts(1, 400)[30]
    params = SamplingParams(temperature=0)
    request = GenerationRequest((prompt,), params, num_beams=4, max_tokens=12, ignore_eos=True)
    (free,) = collect(engine.generate(request))
    stop = free.tokens[5]
    (choice,) = collect(engine.generate(replace(request, stop_token_ids=(stop,))))
    assert stop not in choice.tokens[:-1]
    assert (choice.reason is FinishReason.STOP) is (choice.tokens[-1] == stop)


def test_the_n_best_come_in_order(saved: SavedModel, engine: AsyncEngine) -> None:
    prompt = prompts(1, 400)[30]
    request = GenerationRequest(
        (prompt,), SamplingParams(temperature=0), n=3, num_beams=4, max_tokens=12
    )
    choices = collect(engine.generate(request))
    ids = torch.tensor([list(prompt)])
    with torch.inference_mode():
        out = saved.reference.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids),
            generation_config=settings(4, 12, 1.0, num_return_sequences=3),
        )  # fmt: skip
    theirs = [trimmed(row[len(prompt) :].tolist()) for row in out]
    assert [choice.tokens for choice in choices] == theirs


def test_beams_do_not_depend_on_the_company(engine: AsyncEngine) -> None:
    rng = random.Random(2)
    wanted = []
    for index in range(40):
        length = rng.choice([1, 20, 33, 64, 150, 400])
        prompt = tuple(rng.randrange(3, 400) for _ in range(length))
        beams = rng.choice([1, 2, 4, 16])
        params = SamplingParams(
            temperature=rng.choice([0, 0.9]), top_k=20, seed=index, repetition_penalty=1.1
        )
        wanted.append(
            GenerationRequest((prompt,), params, num_beams=beams, max_tokens=rng.randint(1, 40))
        )
    alone = [collect(engine.generate(request)) for request in wanted]
    handles = [engine.generate(request) for request in wanted]
    assert [collect(handle) for handle in handles] == alone
    assert engine.stats.kv_usage_ratio == 0


def test_beams_in_a_cache_too_small_for_all_give_the_same(saved: SavedModel) -> None:
    """Searches that outgrow the cache are preempted and computed again."""
    roomy, tight = engine_of(saved.directory), engine_of(saved.directory, KV_CACHE_MB=2)
    params = SamplingParams(temperature=0.9, seed=4)
    wanted = [
        GenerationRequest(
            (prompt_tokens(length),), params, num_beams=2, max_tokens=400, ignore_eos=True
        )
        for length in (20, 33, 5)
    ]
    alone = [collect(roomy.generate(request)) for request in wanted]
    handles = [tight.generate(request) for request in wanted]
    assert [collect(handle) for handle in handles] == alone
    assert tight.stats.preemptions > 0, "all searches fit: the test shows nothing"


def prompt_tokens(length: int) -> TokenIds:
    return tuple(3 + 7 * place % 390 for place in range(length))


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.5, 4, 1.0), (1.0, 40, 0.3), (0.9, 1, 1.0)]
)
def test_beam_sampling_draws_from_the_references_distribution(
    saved: SavedModel, engine: AsyncEngine, temperature: float, top_k: int, top_p: float
) -> None:
    """2,000 answers of two tokens each from us and from transformers: with wide limits, and with
    limits that leave only the tokens a search needs to branch."""
    sampling = SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p)
    prompt = prompts(5, 400)[12]
    draws, batch = 2000, 100
    ours: Counter[tuple[int, ...]] = Counter()
    for first in range(0, draws, batch):
        handles = [
            engine.generate(
                GenerationRequest(
                    (prompt,), replace(sampling, seed=first + index),
                    num_beams=2, max_tokens=2, ignore_eos=True,
                )
            )
            for index in range(batch)
        ]  # fmt: skip
        ours.update(tuple(collect(handle)[0].tokens) for handle in handles)
    config = GenerationConfig(
        num_beams=2, max_new_tokens=2, do_sample=True, temperature=temperature, top_k=top_k,
        top_p=top_p, pad_token_id=0, eos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    ids = torch.tensor([list(prompt)]).repeat(draws, 1)
    with torch.inference_mode():
        out = saved.reference.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids), generation_config=config
        )
    theirs = Counter(tuple(row[len(prompt) :].tolist()) for row in out)
    outcomes = sorted(set(ours) | set(theirs))
    observed = np.array([ours[each] for each in outcomes], dtype=float)
    reference = np.array([theirs[each] for each in outcomes], dtype=float)
    pooled = (observed + reference) / 2
    # Two samples of the same unknown distribution: the variance of the difference is doubled.
    assert chi_squared_p(pooled + (observed - reference) / 2**1.5, pooled) > 0.001
    assert len(outcomes) > 2


def test_a_stop_string_completes_a_beam(engine: AsyncEngine) -> None:
    prompt = prompts(6, 400)[15]
    request = GenerationRequest((prompt,), SamplingParams(temperature=0), num_beams=3, max_tokens=9)
    (free,) = collect(engine.generate(request))
    stop = f"{free.tokens[1]}."
    stopped = GenerationRequest(
        (prompt,), SamplingParams(temperature=0), num_beams=3, max_tokens=9, stop=(stop,)
    )
    (choice,) = collect(engine.generate(stopped))
    assert stop not in choice.text
    assert engine.stats.running == 0


def test_only_what_was_generated_moves() -> None:
    """The prompt is copied once per slot."""
    from app.engine.beam_group import BeamGroup  # the bookkeeping itself
    from app.engine.beam_search import BeamCandidate, BeamSearch
    from app.engine.request_handle import RequestHandle
    from app.engine.sequence import Sequence

    lead = Sequence(RequestHandle(500, 1, lambda: None), 0, [5] * 500, 500, 50, slot=0)
    search = BeamSearch(4, 50, lambda tokens: False, 1)
    group = BeamGroup(search, 1, lead, lambda: None, frozenset(), [lead], [1, 2, 3])  # type: ignore[arg-type,return-value]
    lead.num_computed_tokens = 500
    moves = group.reorder([BeamCandidate(-0.1 * token, 0, token) for token in range(4)])
    assert sorted((move.start, move.end) for move in moves) == [(0, 500)] * 3
    for member in group.members:
        member.num_computed_tokens = 501
    later = group.reorder(
        [BeamCandidate(-0.1, 1, 7), BeamCandidate(-0.2, 1, 8), BeamCandidate(-0.3, 2, 7)]
    )
    assert [(move.start, move.end) for move in later] == [(500, 501)]
    assert len(group.spare_slots) == 1


@pytest.mark.parametrize("tokens", [1, 2, 20])
def test_as_many_answers_come_as_are_wanted(engine: AsyncEngine, tokens: int) -> None:
    """Even where top_k and top_p leave few tokens."""
    params = SamplingParams(temperature=0.1, top_k=40, top_p=0.1, seed=4)
    request = GenerationRequest(((5, 6),), params, n=4, num_beams=4, max_tokens=tokens)
    choices = collect(engine.generate(request))
    assert len(choices) == 4
    assert all(choice.reason is not None and choice.tokens for choice in choices)
