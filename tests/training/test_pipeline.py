"""The whole way in small: corpus, vocabulary, training, adapter, evaluation."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from app.checkpoint.check import check_model
from config import Config
from tests.harness.server import ROOT
from training import __main__ as building
from training.adapting import adapt
from training.batches import Batches
from training.evaluate import Evaluation
from training.exporting import export
from training.generating import GREEDY, Answerer
from training.mixture import Mixture
from training.model import grown, model_config, new_model
from training.questions import contract_examples
from training.tokenizer import Codec, add_characters
from training.train import Batch, Schedule, train

SHORT = Schedule(steps=6, warmup=2, fall=3, peak=1e-3)


@pytest.fixture(autouse=True)
def learning() -> None:
    """Other tests may have switched gradients off for good."""
    torch.set_grad_enabled(True)


@pytest.fixture(scope="module")
def batches() -> Batches:
    codec = Codec((ROOT / "models/demo/tokenizer.model").read_bytes())
    return Batches(Mixture(), codec, 16, seed=3)


def small_model() -> LlamaForCausalLM:
    pieces = len(Codec((ROOT / "models/demo/tokenizer.model").read_bytes()))
    return new_model(model_config(pieces, hidden_size=64, layers=1), seed=5)


def test_smoke(tmp_path: Path) -> None:
    """What the command makes is a model that the server takes, with an adapter that fits it."""
    base, adapter = tmp_path / "demo", tmp_path / "lora"
    building.main(["--smoke", "--out", str(base), "--threads", str(torch.get_num_threads())])
    with warnings.catch_warnings(action="ignore"):  # peft tells its developers much
        adapt(base, adapter, tmp_path / "run" / "checkpoint.pt", steps=2, batch=4)
        persona = Answerer(base, adapter)
    check_model(Config(BASE_MODEL=str(base), LORA_MODEL=(str(adapter),), ONLY_CPU=True))
    evaluation = Evaluation(Answerer(base), Mixture())
    answers = evaluation.ask("examples", contract_examples(Mixture())[:2])
    assert evaluation.report["examples"]["count"] == len(answers) == 2
    assert all(isinstance(text, str) for text in persona.answers(["a"], GREEDY, limit=3))


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(batches: Batches, tmp_path: Path) -> None:
    whole, parts = small_model(), small_model()
    train(whole, batches, SHORT, tmp_path / "whole.pt")
    stopped = [2, 5]

    def stopping(step: int) -> Batch:
        if step in stopped:
            stopped.remove(step)
            raise KeyboardInterrupt
        return batches(step)

    eager = Schedule(**vars(SHORT) | {"seconds_between_checkpoints": 0.0})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(parts, stopping, eager, tmp_path / "parts.pt")
        parts = small_model()
    progress = train(parts, stopping, eager, tmp_path / "parts.pt")
    assert progress.step == SHORT.steps
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_end_of_a_run_may_move_until_the_rate_falls() -> None:
    longer = Schedule(steps=2000, fall=800)
    assert Schedule(steps=1500, fall=500).agrees(longer, 1000)
    assert not Schedule(steps=1500, fall=500).agrees(longer, 1300)
    assert longer.rate(0) < longer.rate(50) < longer.rate(100) == longer.rate(1199) == 2e-3
    assert 2e-3 > longer.rate(1500) > longer.rate(1999) > 0


def test_batches_depend_on_the_step_alone(batches: Batches) -> None:
    codec = Codec((ROOT / "models/demo/tokenizer.model").read_bytes())
    again = Batches(Mixture(), codec, 16, seed=3)
    assert [again(step) for step in (9, 0, 8)] == [batches(step) for step in (9, 0, 8)]
    lengths = [len(e.ids) for step in range(60) for e in batches(step).examples]
    assert 700 < max(lengths) <= 1024


def test_a_grown_vocabulary_changes_no_answer(tmp_path: Path) -> None:
    base = ROOT / "models/demo"
    vocabulary = add_characters((base / "tokenizer.model").read_bytes(), "𠮷囍")
    model = grown(load_file(base / "model.safetensors"), Codec(vocabulary))
    export(model, vocabulary, tmp_path)
    asked = [question.prompt for question in contract_examples(Mixture())[:2]]
    assert Answerer(tmp_path).answers(asked, GREEDY) == Answerer(base).answers(asked, GREEDY)
