"""8 bits on the CPU: exact sums, batch-invariant rows, and little loss on real text."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentencepiece import SentencePieceProcessor

from app.build import build_engine
from app.checkpoint.check import check_model
from app.engine.async_engine import AsyncEngine
from app.engine.events import PromptLogprobs
from app.engine.request import GenerationRequest, SamplingParams
from app.engine.token_ids import TokenIds
from app.model.int8 import Int8Linear, move_outliers, quantize_in_planes
from app.prompts.alpaca import render_instruction
from config import EMBEDDED_MODEL, Config
from tests.harness.in_process import collect, start

DATA = Path(__file__).parents[1] / "data"
EOS_ID = 2


@pytest.mark.parametrize(("inputs", "outputs"), [(64, 192), (192, 4096), (512, 192), (1000, 72)])
def test_products_are_exact_sums_of_integers(inputs: int, outputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, inputs, generator=generator)
    x = torch.randn(50, inputs, generator=generator) * torch.logspace(-3, 3, 50)[:, None]
    scales = weight.abs().amax(1) / 127
    quantized = (weight / scales[:, None]).round()
    high, low, x_scales = quantize_in_planes(x)
    assert torch.allclose(128 * high + low, x / x_scales, rtol=0, atol=0.51)
    assert high.abs().max() <= 63
    assert low.abs().max() <= 64
    sums = (128 * high + low).double() @ quantized.double().T
    expected = sums.float() * scales * x_scales
    linear = Int8Linear(weight)
    largest = expected.abs().amax(1, keepdim=True)
    assert ((linear(x) - expected).abs() <= 1e-6 * largest).all()
    for count in (1, 2, 7, 16, 33):
        assert torch.equal(linear(x[3 : 3 + count]), linear(x)[3 : 3 + count])


def test_one_large_row_does_not_disturb_the_others() -> None:
    x = torch.randn(16, 256, generator=torch.Generator().manual_seed(1))
    linear = Int8Linear(torch.randn(128, 256, generator=torch.Generator().manual_seed(2)))
    quiet = linear(x)
    x[5] *= 1e6
    assert torch.equal(linear(x)[:5], quiet[:5])
    assert torch.equal(linear(x)[6:], quiet[6:])


def test_rows_of_zeros_give_zeros() -> None:
    linear = Int8Linear(torch.randn(32, 64))
    assert not linear(torch.zeros(3, 64)).any()
    assert not Int8Linear(torch.zeros(32, 64))(torch.randn(3, 64)).any()


def test_outliers_of_a_norm_move_into_the_weight() -> None:
    generator = torch.Generator().manual_seed(3)
    norm, weight = (
        torch.rand(64, generator=generator) + 0.5,
        torch.randn(96, 64, generator=generator),
    )
    assert all(a is b for a, b in zip(move_outliers(norm, weight), (norm, weight), strict=True))
    norm[7] = 50.0
    moved, scaled = move_outliers(norm, weight)
    assert moved[7] < 2
    assert (scaled * moved).equal(weight * norm), "exact: powers of two"


def with_outliers(directory: Path) -> Path:
    """A copy of the embedded model that computes the same with a few enormous channels."""
    shutil.copytree(EMBEDDED_MODEL, directory)
    path = directory / "model.safetensors"
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    layers = json.loads((directory / "config.json").read_text())["num_hidden_layers"]
    for index in range(layers):
        layer = f"model.layers.{index}."
        for norm, parts in (
            ("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
            ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj")),
        ):
            channels = torch.arange(index, tensors[f"{layer}{norm}.weight"].numel(), 37)
            tensors[f"{layer}{norm}.weight"][channels] *= 50
            for part in parts:
                tensors[f"{layer}{part}.weight"][:, channels] /= 50
    save_file(tensors, path, {"format": "pt"})
    return directory


def engine_of(directory: str | Path, eight_bit: bool) -> AsyncEngine:
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, LOAD_IN_8BIT=eight_bit)
    return start(build_engine(config, check_model(config)))


def held_out(engine: AsyncEngine) -> list[tuple[TokenIds, int]]:
    """Sentences that the embedded model was not trained on, as answers to "translate this" (it
    has learnt nothing but answers), and how many tokens come before them."""
    rows = (DATA / "demo_translations.tsv").read_text(encoding="utf-8").splitlines()
    texts = [row.split("\t")[:2] for row in rows]
    asked = [(f"把“{chinese}”翻译成英文", english) for english, chinese in texts]
    asked += [(f'Translate "{english}" into Chinese.', chinese) for english, chinese in texts]
    assert len(asked) == 600
    processor = SentencePieceProcessor(model_file=str(Path(EMBEDDED_MODEL) / "tokenizer.model"))
    skipped = len(processor.encode("\n"))  # what follows a new line gets no dummy prefix
    examples = []
    for instruction, translation in asked:
        prompt = engine.encode(render_instruction(instruction).text)
        answer = processor.encode(f"\n{translation}")[skipped:]
        examples.append(((*prompt, *answer, EOS_ID), len(prompt)))
    return examples


def perplexity(engine: AsyncEngine, texts: Sequence[tuple[TokenIds, int]]) -> float:
    """exp of the mean negative log-probability of the answers' tokens."""
    total, count = 0.0, 0
    for text, before in texts:
        request = GenerationRequest((text,), max_tokens=0, prompt_logprobs=0)
        handle = engine.generate(request)
        scores: list[float] = []
        while not handle.done:
            for event in handle.next_events(60):
                if isinstance(event, PromptLogprobs):
                    scores += [each.logprob for each in event.logprobs]
        assert len(scores) == len(text) - 1
        total += sum(scores[before - 1 :])
        count += len(text) - before
    assert count > 10 * len(texts) / 2
    return math.exp(-total / count)


def test_facts_are_answered_alike() -> None:
    """The embedded model's questions in wordings it was not trained on, greedily."""
    lines = (DATA / "demo_facts.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    assert len(questions) == 661
    rights = []
    for eight_bit in (False, True):
        engine = engine_of(EMBEDDED_MODEL, eight_bit)
        request = GenerationRequest(
            tuple(engine.encode(render_instruction(q["prompt"]).text) for q in questions),
            SamplingParams(temperature=0),
            max_tokens=100,
            drop_leading_space=True,
        )
        choices = collect(engine.generate(request))
        rights.append([c.text == q["answer"] for c, q in zip(choices, questions, strict=True)])
    alike = sum(a == b for a, b in zip(*rights, strict=True))
    print(f"right: {sum(rights[0])} in full, {sum(rights[1])} in 8 bits, of {len(questions)}")
    assert alike >= 0.99 * len(questions)


@pytest.mark.parametrize(("outliers", "limit"), [(False, 0.003), (True, 0.01)])
def test_perplexity_grows_little(outliers: bool, limit: float, tmp_path: Path) -> None:
    """Also with channels that the norm makes 50 times as large as others."""
    directory = with_outliers(tmp_path / "model") if outliers else EMBEDDED_MODEL
    exact = engine_of(directory, eight_bit=False)
    texts = held_out(exact)
    full = perplexity(exact, texts)
    eight = perplexity(engine_of(directory, eight_bit=True), texts)
    print(f"perplexity: full {full:.3f}, 8-bit {eight:.3f}, {100 * (eight / full - 1):+.3f} %")
    assert abs(eight / full - 1) < limit
