"""The sampler's distribution is that of transformers' logits processors and warpers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from app.engine.batch import SamplingInput
from app.engine.counter_rng import uniform
from app.engine.request import SamplingParams
from app.model.sampling.sampler import TorchSampler

DRAWS = 2000
VOCABULARIES = {"small": 60, "large": 3000}
SETTINGS = [
    SamplingParams(temperature=1.0),
    SamplingParams(temperature=0.7, top_k=40),
    SamplingParams(temperature=1.3, top_p=0.8),
    SamplingParams(temperature=0.9, top_k=12, top_p=0.7),
    SamplingParams(temperature=1.0, min_p=0.1),
    SamplingParams(temperature=1.1, top_k=20, top_p=0.95, min_p=0.02, repetition_penalty=1.3),
    SamplingParams(temperature=2.0, top_p=0.999),
    SamplingParams(temperature=0.8, top_k=200),
]


def reference(logits: torch.Tensor, params: SamplingParams, seen: list[int]) -> np.ndarray:
    """The probabilities after transformers' processors, in its order."""
    steps = LogitsProcessorList()
    if params.repetition_penalty != 1.0:
        steps.append(RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    steps.append(TemperatureLogitsWarper(params.temperature))
    if params.top_k:
        steps.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        steps.append(TopPLogitsWarper(params.top_p))
    if params.min_p:
        steps.append(MinPLogitsWarper(params.min_p))
    scores = steps(torch.tensor([seen]), logits[None].clone())[0]
    return torch.softmax(scores.double(), -1).numpy()


def chi_squared_p(observed: np.ndarray, expected: np.ndarray) -> float:
    """p-value of Pearson's chi-squared test; cells with few expected draws are merged, and the
    tail is by the Wilson–Hilferty approximation."""
    order = np.argsort(-expected)
    observed, expected = observed[order], expected[order]
    enough = int((expected >= 5).sum())
    cells = [(observed[i], expected[i]) for i in range(enough)]
    cells.append((observed[enough:].sum(), expected[enough:].sum()))
    cells = [cell for cell in cells if cell[1] > 0.5]
    degrees = len(cells) - 1
    if degrees < 1:
        return 1.0
    statistic = sum((o - e) ** 2 / e for o, e in cells)
    z = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / (2 / (9 * degrees)) ** 0.5
    return 0.5 * float(torch.erfc(torch.tensor(z / 2**0.5)))


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("params", SETTINGS, ids=lambda p: f"{p.temperature}-{p.top_k}-{p.top_p}")
def test_frequencies_are_those_of_transformers(params: SamplingParams, vocabulary: str) -> None:
    size = VOCABULARIES[vocabulary]
    logits = torch.randn(size, generator=torch.Generator().manual_seed(1)) * 2.5
    seen = [3, 5, int(logits.argmax())]
    sampler, counts = TorchSampler(), Counter[int]()
    for first in range(0, DRAWS, 50):
        inputs = [SamplingInput(params, 1234, 0, first + row, set(seen)) for row in range(50)]
        tokens = sampler.sample(logits.repeat(50, 1), inputs)
        counts.update(sampled.token_id for sampled in tokens)
    expected = reference(logits, params, seen)
    observed = np.array([counts[token] for token in range(size)], dtype=float)
    assert not observed[expected == 0].any(), "a token outside the candidates was drawn"
    assert chi_squared_p(observed, expected * DRAWS) > 0.001


def test_the_test_would_see_a_wrong_temperature() -> None:
    """Draws at 1.0 are not taken for inputs at 1.15."""
    logits = torch.randn(60, generator=torch.Generator().manual_seed(1)) * 2.5
    params = SamplingParams(temperature=1.0)
    inputs = [SamplingInput(params, 1, 0, position, set()) for position in range(DRAWS)]
    tokens = TorchSampler().sample(logits.repeat(DRAWS, 1), inputs)
    observed = np.bincount([sampled.token_id for sampled in tokens], minlength=60).astype(float)
    wrong = reference(logits, replace(params, temperature=1.15), [])
    assert chi_squared_p(observed, wrong * DRAWS) < 0.001


def test_a_row_draws_the_same_token_in_any_company() -> None:
    """Every setting at once, in two orders, and one by one."""
    logits = torch.randn(40, 5000, generator=torch.Generator().manual_seed(2)) * 3
    settings = [*SETTINGS, SamplingParams(temperature=0), SamplingParams(top_p=0)]
    inputs = [
        SamplingInput(settings[row % len(settings)], row, row % 3, row * 7, {1, 2, row})
        for row in range(40)
    ]
    sampler = TorchSampler()
    together = [sampled.token_id for sampled in sampler.sample(logits.clone(), inputs)]
    backwards = sampler.sample(logits.flip(0), inputs[::-1])
    assert [sampled.token_id for sampled in backwards][::-1] == together
    alone = [
        sampler.sample(logits[row : row + 1].clone(), inputs[row : row + 1]) for row in range(40)
    ]
    assert [tokens[0].token_id for tokens in alone] == together


def test_equal_logits_are_ordered_by_id() -> None:
    params = SamplingParams(temperature=1.0, top_k=5)
    logits = torch.zeros(1, 100)
    logits[0, 10:] = -50.0
    drawn = {
        TorchSampler()
        .sample(logits.clone(), [SamplingInput(params, seed, 0, 0, set())])[0]
        .token_id
        for seed in range(300)
    }
    assert drawn == set(range(10)), "ties with the k-th stay in, as in transformers"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_row_of_nan_or_infinity_fails_alone(value: float) -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    expected = int(logits[2].argmax())
    logits[1] = value
    params = [SamplingParams(), SamplingParams(temperature=0.5), SamplingParams(temperature=0)]
    inputs = [SamplingInput(each, 5, 0, 0, set()) for each in params]
    tokens = TorchSampler().sample(logits, inputs)
    assert tokens[0].token_id >= 0
    assert tokens[1].token_id == -1
    assert tokens[2].token_id == expected


def test_uniform_numbers_are_uniform_and_independent_of_order() -> None:
    drawn = [uniform(seed, choice, position) for seed in range(20) for choice in range(4)
             for position in range(250)]  # fmt: skip
    histogram = np.histogram(drawn, bins=50, range=(0, 1))[0]
    assert chi_squared_p(histogram.astype(float), np.full(50, len(drawn) / 50)) > 0.001
    assert len(set(drawn)) == len(drawn)
    assert uniform(-1, 0, 0) != uniform(1, 0, 0)
