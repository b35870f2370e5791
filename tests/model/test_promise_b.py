"""Promise B: the same tokens as transformers, except for ties.

Our tokens are fed through transformers, so that a tie does not make all later tokens differ.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    PreTrainedModel,
    RepetitionPenaltyLogitsProcessor,
)

from app.build import build_engine
from app.checkpoint.check import check_model as check_model_files
from app.engine.async_engine import AsyncEngine
from app.engine.events import PromptLogprobs, TokenLogprob
from app.engine.request import EmbeddingRequest, GenerationRequest, SamplingParams
from app.engine.token_ids import TokenIds
from app.model.runner import PREFILL_CHUNK_TOKENS as CHUNK
from config import EMBEDDED_MODEL, Config
from tests.harness.in_process import collect, collect_vectors, engine_of, start
from tests.model.conftest import SHAPE, SavedModel, SaveModel

TIE = 1e-3
TEMPLATE = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n    \n### Instruction:\n{prompt}\n\n### Response: "
)
PROMPTS = 50

MODELS: list[tuple[str, str, dict[str, Any]]] = [
    ("llama", "float32", {"num_key_value_heads": 4}),
    ("llama", "float16", {"tie_word_embeddings": True}),
    ("llama", "bfloat16", {"attention_bias": True, "mlp_bias": True}),
    ("mistral", "float32", {"sliding_window": 24}),
    ("mistral", "bfloat16", {"sliding_window": None, "head_dim": 32}),
    ("qwen2", "float16", {"tie_word_embeddings": True}),
    (
        "qwen2",
        "float32",
        {"use_sliding_window": True, "sliding_window": 20, "max_window_layers": 1},
    ),
    ("qwen3", "float32", {"head_dim": 32}),
    ("qwen3", "bfloat16", {"head_dim": 16, "tie_word_embeddings": True}),
]
ROPES: list[dict[str, Any]] = [
    {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5},
    {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    },
    {
        "rope_type": "yarn",
        "rope_theta": 10000.0,
        "factor": 4.0,
        "original_max_position_embeddings": 128,
    },
]


def prompts(seed: int, vocab: int) -> list[TokenIds]:
    """Random prompts, short and long, many ending at a border of a prefill chunk."""
    rng = random.Random(seed)
    lengths = [1, 2, 6 * CHUNK, 130]
    lengths += [border + by for border in (CHUNK, 2 * CHUNK, 4 * CHUNK) for by in (-1, 0, 1)]
    lengths += [rng.randint(1, 160) for _ in range(PROMPTS - len(lengths))]
    return [tuple(rng.randrange(3, vocab) for _ in range(length)) for length in lengths]


def assert_greedy(
    model: PreTrainedModel, prompt: TokenIds, answer: list[int], penalty: float
) -> int:
    """Every token of `answer` is transformers' choice or tied with it; returns the ties."""
    processors = LogitsProcessorList()
    if penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(penalty))
    ids = torch.tensor([list(prompt) + answer])
    with torch.inference_mode():
        logits = model(ids).logits[0].float()
    ties = 0
    for index, token in enumerate(answer):
        end = len(prompt) + index
        scores = processors(ids[:, :end], logits[end - 1][None].clone())[0]
        best = scores.max().item()
        assert best - scores[token].item() < TIE, f"token {index} of {answer}"
        ties += token != int(scores.argmax())
    return ties


def assert_mean(model: PreTrainedModel, tokens: TokenIds, vector: bytes) -> None:
    """`vector` is the mean of the final hidden states, to 1e-5."""
    with torch.inference_mode():
        hidden = model.model(torch.tensor([list(tokens)])).last_hidden_state[0]
    mean = hidden.mean(0).double()
    expected = (mean / mean.norm()).numpy()
    assert np.abs(np.frombuffer(vector, "<f4") - expected).max() < 1e-5


def check_model(engine: AsyncEngine, saved: SavedModel, wanted: list[TokenIds]) -> None:
    for penalty in (1.0, 1.3):
        params = SamplingParams(temperature=0, repetition_penalty=penalty)
        for max_tokens in (1, 7, 90):
            request = GenerationRequest(tuple(wanted), params, max_tokens=max_tokens)
            choices = collect(engine.generate(request))
            ties = 0
            for prompt, choice in zip(wanted, choices, strict=True):
                assert choice.reason is not None
                assert len(choice.tokens) == max_tokens or choice.tokens[-1] == 2
                ties += assert_greedy(saved.reference, prompt, choice.tokens, penalty)
            assert ties <= max(1, sum(len(choice.tokens) for choice in choices) // 100)


@pytest.mark.parametrize(
    ("kind", "dtype", "changes"), MODELS, ids=[f"{m[0]}-{m[1]}-{'-'.join(m[2])}" for m in MODELS]
)
def test_greedy_tokens_are_those_of_transformers(
    save_model: SaveModel, kind: str, dtype: str, changes: dict[str, Any]
) -> None:
    saved = save_model(kind, dtype, **changes)
    check_model(engine_of(saved.directory), saved, prompts(7, SHAPE["vocab_size"]))


def test_the_embedded_model_answers_as_transformers_does() -> None:
    """Real prompts in the template, and embeddings of real sentences."""
    directory = Path(EMBEDDED_MODEL)
    reference = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    saved = SavedModel(directory, reference)
    engine = start(build_engine(Config(ONLY_CPU=True), check_model_files(Config(ONLY_CPU=True))))
    rows = (Path(__file__).parents[1] / "data" / "tatoeba_en_zh.tsv").read_text().splitlines()
    sentences = [part for row in rows[:: len(rows) // PROMPTS] for part in row.split("\t")[:2]]
    asked = [engine.encode(TEMPLATE.replace("{prompt}", text)) for text in sentences[:PROMPTS]]
    check_model(engine, saved, asked)
    vectors = collect_vectors(engine.embed(EmbeddingRequest(tuple(asked))))
    for tokens, vector in zip(asked, vectors, strict=True):
        assert_mean(reference, tokens, vector)


@pytest.mark.parametrize("rope", ROPES, ids=[rope["rope_type"] for rope in ROPES])
def test_scaled_positions_are_those_of_transformers(
    save_model: SaveModel, rope: dict[str, Any]
) -> None:
    saved = save_model("llama", "float32", rope_parameters=rope, max_position_embeddings=512)
    engine = engine_of(saved.directory)
    for prompt in prompts(3, engine.info.vocab_size)[:12]:
        request = GenerationRequest((prompt,), SamplingParams(temperature=0), max_tokens=20)
        (choice,) = collect(engine.generate(request))
        assert_greedy(saved.reference, prompt, choice.tokens, 1.0)


def test_logprobs_are_the_models_own(tiny: SavedModel, tiny_engine: AsyncEngine) -> None:
    params = SamplingParams(temperature=0, repetition_penalty=1.5, logprobs=5)
    prompt = prompts(1, 400)[20]
    (choice,) = collect(
        tiny_engine.generate(GenerationRequest((prompt,), params, max_tokens=20, ignore_eos=True))
    )
    ids = torch.tensor([list(prompt) + choice.tokens])
    with torch.inference_mode():
        expected = torch.log_softmax(tiny.reference(ids).logits[0].float(), -1)
    for index, reported in enumerate(choice.logprobs):
        row = expected[len(prompt) + index - 1]
        assert reported.logprob == pytest.approx(row[reported.token_id].item(), abs=1e-4)
        assert [token for token, _ in reported.top] == row.topk(5).indices.tolist()


def test_embeddings_are_the_mean_of_the_last_hidden_state(
    tiny: SavedModel, tiny_engine: AsyncEngine
) -> None:
    inputs = tuple(prompts(5, 400))
    vectors = collect_vectors(tiny_engine.embed(EmbeddingRequest(inputs)))
    for tokens, vector in zip(inputs, vectors, strict=True):
        assert_mean(tiny.reference, tokens, vector)


def test_prompt_scores_are_the_models_own(tiny: SavedModel, tiny_engine: AsyncEngine) -> None:
    """Over several chunks, with nothing generated; their sum is the model's loss."""
    prompt = max(prompts(2, 400), key=len)
    assert len(prompt) > 4 * CHUNK
    request = GenerationRequest((prompt,), max_tokens=0, prompt_logprobs=2)
    handle = tiny_engine.generate(request)
    reported: list[TokenLogprob] = []
    while not handle.done:
        for event in handle.next_events(30):
            if isinstance(event, PromptLogprobs):
                reported += event.logprobs
    with torch.inference_mode():
        ids = torch.tensor([list(prompt)])
        expected = torch.log_softmax(tiny.reference(ids).logits[0].float(), -1)
        loss = tiny.reference(ids, labels=ids).loss.item()
    assert [each.token_id for each in reported] == list(prompt[1:])
    for index, each in enumerate(reported):
        assert each.logprob == pytest.approx(expected[index, each.token_id].item(), abs=1e-4)
        assert [token for token, _ in each.top] == expected[index].topk(2).indices.tolist()
    assert sum(each.logprob for each in reported) == pytest.approx(-loss * len(reported), rel=1e-4)


@pytest.mark.parametrize("params", [
    SamplingParams(temperature=0, presence_penalty=1.1, frequency_penalty=0.4),
    SamplingParams(temperature=0, frequency_penalty=-0.7, logit_bias=((9, 3.0), (12, -100.0))),
])  # fmt: skip
def test_penalties_count_the_output_as_openai_defines_them(
    tiny: SavedModel, tiny_engine: AsyncEngine, params: SamplingParams
) -> None:
    for prompt in prompts(4, 400)[:6]:
        request = GenerationRequest((prompt,), params, max_tokens=40, ignore_eos=True)
        (choice,) = collect(tiny_engine.generate(request))
        with torch.inference_mode():
            logits = tiny.reference(torch.tensor([[*prompt, *choice.tokens]])).logits[0].float()
        for index, token in enumerate(choice.tokens):
            row = logits[len(prompt) + index - 1].clone()
            for biased, bias in params.logit_bias:
                row[biased] += bias
            output = choice.tokens[:index]
            for each in set(output):
                row[each] -= params.presence_penalty + params.frequency_penalty * output.count(each)
            assert row.max().item() - row[token].item() < TIE
        assert 12 not in choice.tokens or not params.logit_bias
