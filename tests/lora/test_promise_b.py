"""Promise B with LoRAs: the same tokens as transformers and peft, except for ties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.build import build_engine
from app.checkpoint.check import check_model
from app.engine.async_engine import AsyncEngine
from app.engine.request import EmbeddingRequest, GenerationRequest, SamplingParams
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.harness.in_process import collect, collect_vectors, start
from tests.lora.adapters import LARGE, SMALL, reference
from tests.model.test_promise_b import assert_greedy, assert_mean, prompts


def served(base: Path, *loras: Path, **settings: Any) -> AsyncEngine:
    """The engine as `python wsgi.py --lora_model A,B` builds it."""
    config = Config(BASE_MODEL=str(base), LORA_MODEL=tuple(map(str, loras)), ONLY_CPU=True)
    return start(build_engine(config, check_model(config, read_vocab_size)))


@pytest.mark.parametrize(
    ("names", "first_rows", "tokens"),
    [(["plain"], 0, SMALL), (["enlarged"], LARGE, LARGE), (["enlarged", "second"], LARGE, LARGE)],
)
def test_answers_and_embeddings(
    base: Path, request: pytest.FixtureRequest, names: list[str], first_rows: int, tokens: int
) -> None:
    loras = [request.getfixturevalue(name) for name in names]
    model = reference(base, loras[:1], rows=first_rows, merge=len(loras) > 1)
    if len(loras) > 1:
        from peft import PeftModel

        model.resize_token_embeddings(LARGE + 1, mean_resizing=False)
        model = PeftModel.from_pretrained(model, loras[1]).eval()
    engine = served(base, *loras)
    ties = 0
    beyond = 0
    for penalty in (1.0, 1.3):
        params = SamplingParams(temperature=0, repetition_penalty=penalty)
        asked = prompts(7, tokens)[: 25 if penalty == 1.0 else 10]
        handles = [
            engine.generate(GenerationRequest((p,), params, max_tokens=24, ignore_eos=True))
            for p in asked
        ]
        for prompt, handle in zip(asked, handles, strict=True):
            (choice,) = collect(handle)
            ties += assert_greedy(model, prompt, choice.tokens, penalty)
            beyond += any(token >= SMALL for token in choice.tokens)
    assert ties <= 3
    assert beyond > 5 or tokens == SMALL  # the new rows are used
    inputs = tuple(prompts(8, tokens)[:4])
    (vectors,) = [collect_vectors(engine.embed(EmbeddingRequest(inputs)))]
    for tokens_, vector in zip(inputs, vectors, strict=True):
        assert_mean(model.get_base_model(), tokens_, vector)
    engine.drain(0)


def test_the_loras_own_tokenizer_is_used(base: Path, enlarged: Path) -> None:
    engine = served(base, enlarged)
    assert engine.info.vocab_size == LARGE
    text = chr(0x4E00 + LARGE - SMALL - 1)  # a byte-spelled character before, a token now
    assert max(engine.encode(text)) >= SMALL
    assert max(served(base).encode(text)) < SMALL
    engine.drain(0)


def test_the_description_names_the_loras(base: Path, enlarged: Path, second: Path) -> None:
    info = served(base, enlarged, second).info
    assert info.vocab_size == LARGE + 1
    assert f"llama + {enlarged.name} + {second.name}, float32 on CPU" in info.description
