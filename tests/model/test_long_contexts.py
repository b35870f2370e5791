"""Contexts beyond max_position_embeddings that the RoPE scaling allows: the same tokens as
transformers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from app.checkpoint.config import read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.rope import MAX_POSITIONS
from app.engine.request import GenerationRequest, SamplingParams
from app.server.startup import run_check
from config import Config
from tests.harness.in_process import collect, engine_of
from tests.harness.model_directory import PIECES, write_config, write_model
from tests.model.conftest import SaveModel
from tests.model.test_promise_b import assert_greedy

BASE = {"rope_theta": 10000.0}
LINEAR = BASE | {"rope_type": "linear", "factor": 3.0}
YARN = BASE | {"rope_type": "yarn", "factor": 6.0, "original_max_position_embeddings": 128}
LLAMA3 = BASE | {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("kind", "rope", "reach"),
    [("llama", LINEAR, 768), ("qwen2", YARN, 768), ("qwen3", YARN, 768), ("mistral", LINEAR, 768)],
    ids=["llama-linear", "qwen2-yarn", "qwen3-yarn", "mistral-linear"],
)
def test_tokens_beyond_the_original_length_are_those_of_transformers(
    save_model: SaveModel, kind: str, rope: dict[str, Any], reach: int
) -> None:
    changes = {"sliding_window": None} if kind == "mistral" else {}
    saved = save_model(kind, rope_parameters=dict(rope), max_position_embeddings=256, **changes)
    with pytest.raises(StartupError, match=f"made for {reach} tokens"):
        engine_of(saved.directory, MAX_MODEL_LEN=reach + 1)
    engine = engine_of(saved.directory, MAX_MODEL_LEN=reach)
    assert engine.info.max_model_len == reach
    rng = random.Random(8)
    params = SamplingParams(temperature=0)
    for length in (250, 257, 400, 640, reach - 20):  # across the edge, and up to the end
        prompt = tuple(rng.randrange(3, engine.info.vocab_size) for _ in range(length))
        request = GenerationRequest((prompt,), params, max_tokens=20, ignore_eos=True)
        (choice,) = collect(engine.generate(request))
        assert len(choice.tokens) == 20
        assert_greedy(saved.reference, prompt, choice.tokens, 1.0)
    engine.drain(0)


@pytest.mark.parametrize(
    ("changes", "reach"),
    [
        ({}, 256),
        ({"rope_scaling": {"type": "linear", "factor": 4}}, 1024),
        ({"rope_scaling": {"type": "linear", "factor": 2.5}}, 640),
        ({"rope_scaling": {"type": "linear", "factor": 0.5}}, 256),
        ({"rope_parameters": YARN}, 768),
        ({"rope_scaling": {"type": "yarn", "factor": 4}}, 1024),  # without the original length
        # written as the whole context already
        ({"rope_parameters": YARN | {"factor": 2.0}}, 256),
        (
            {
                "rope_scaling": {"type": "yarn", "factor": None},
                "original_max_position_embeddings": 64,
            },
            256,
        ),
        ({"rope_parameters": LLAMA3}, 256),
        (
            {"rope_scaling": {"type": "linear", "factor": 1e6}, "max_position_embeddings": 2**20},
            MAX_POSITIONS,
        ),
    ],
)
def test_how_far_a_model_reaches(tmp_path: Path, changes: dict[str, Any], reach: int) -> None:
    model = read_config(write_config(tmp_path, **changes))
    assert model.max_context == reach
    assert model.max_positions == changes.get("max_position_embeddings", 256), "the default stays"


def test_check_tells_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path, vocab_size=PIECES, rope_scaling={"type": "linear", "factor": 4.0})
    config = {"BASE_MODEL": str(tmp_path), "ONLY_CPU": True}
    run_check(Config(**config))
    line = "context        256 tokens; --max_model_len may be up to 1024"
    assert line in capsys.readouterr().out.splitlines()
    run_check(Config(**config, MAX_MODEL_LEN=1024))
    assert "context        1024 tokens" in capsys.readouterr().out.splitlines()
    with pytest.raises(StartupError, match=r"--max_model_len is 1025.*made for 1024"):
        run_check(Config(**config, MAX_MODEL_LEN=1025))
