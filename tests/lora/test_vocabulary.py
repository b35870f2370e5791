"""The rows of the merged vocabulary, and that untrained tokens are never sampled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from app.build import build_engine
from app.checkpoint.check import check_model
from app.checkpoint.vocabulary import TrainedRows, Vocabulary
from app.engine.request import GenerationRequest, SamplingParams
from app.model.loading.load import load_runner
from app.tokenizer.vocab_size import read_vocab_size
from config import Config
from tests.harness.in_process import collect, start
from tests.lora.adapters import LARGE, SMALL, trained, write_tokenizer
from tests.model.conftest import SaveModel
from tests.model.test_loading import outputs


def config_of(base: Path, *loras: Path, **settings: object) -> Config:
    names = tuple(map(str, loras))
    return Config(BASE_MODEL=str(base), LORA_MODEL=names, ONLY_CPU=True, **settings)  # type: ignore[arg-type]


def infinite(config: Config) -> set[int]:
    """The ids that the loaded model never samples."""
    checked = check_model(config, read_vocab_size)
    runner, _ = load_runner(config, checked, checked.vocabulary.tokens)
    logits = outputs(runner)[0][0]
    return {token for token, logit in enumerate(logits.tolist()) if logit == float("-inf")}


def test_the_rows_of_all_three() -> None:
    same = Vocabulary(base=300, trained=TrainedRows(340, 340), tokens=340)
    assert (same.rows, same.untrained) == (340, ())
    assert replace(same, tokens=341).untrained == (340,)
    assert replace(same, tokens=341).rows == 341
    assert replace(same, tokens=300).rows == 340
    headless = Vocabulary(300, TrainedRows(340, 300), 302, frozenset({301}))
    assert headless.untrained == (300,)


def test_an_untrained_control_token(base: Path, tmp_path: Path) -> None:
    padded = write_tokenizer(tmp_path, SMALL, pad=True)
    config = config_of(base, TOKENIZER_PATH=str(padded))
    assert infinite(config) == {SMALL}
    engine = start(build_engine(config, check_model(config, read_vocab_size)))
    assert engine.info.vocab_size == SMALL + 1
    hot = SamplingParams(temperature=2.0, seed=1)
    # it may be in a prompt nevertheless
    request = GenerationRequest(((1, SMALL, 5),), hot, n=8, max_tokens=40, ignore_eos=True)
    assert all(SMALL not in choice.tokens for choice in collect(engine.generate(request)))
    engine.drain(0)


def test_one_beyond_the_loras_vocabulary(base: Path, enlarged: Path, tmp_path: Path) -> None:
    padded = write_tokenizer(tmp_path, LARGE, pad=True)
    assert infinite(config_of(base, enlarged, TOKENIZER_PATH=str(padded))) == {LARGE}
    assert infinite(config_of(base, enlarged)) == set()


def test_a_padded_vocabulary(save_model: SaveModel, tmp_path: Path) -> None:
    base = save_model("llama", "float16", vocab_size=SMALL + 20).directory
    write_tokenizer(base, SMALL)
    assert infinite(config_of(base)) == set(range(SMALL, SMALL + 20))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.resize_token_embeddings(344, mean_resizing=False)  # 340 tokens, rounded up to eights
    lora = tmp_path / "lora"
    trained(model, lora, seed=1, modules_to_save=["embed_tokens", "lm_head"])
    write_tokenizer(lora, LARGE)
    assert infinite(config_of(base, lora)) == set(range(LARGE, 344))


def test_single_trained_tokens(base: Path, tmp_path: Path) -> None:
    lora = tmp_path / "lora"
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    trained(model, lora, seed=1, trainable_token_indices=[7, 9])
    write_tokenizer(lora, SMALL)
    assert infinite(config_of(base, lora)) == set()


def test_a_smaller_tokenizer_is_fine_where_the_lora_has_no_vocabulary(
    base: Path, plain: Path, tmp_path: Path
) -> None:
    smaller = write_tokenizer(tmp_path, SMALL - 10)
    config = config_of(base, plain, TOKENIZER_PATH=str(smaller))
    assert infinite(config) == set(range(SMALL - 10, SMALL))


@pytest.mark.parametrize("eight_bit", [False, True])
def test_the_memory_table_predicts_the_weights(
    base: Path, enlarged: Path, second: Path, eight_bit: bool
) -> None:
    for loras in ([], [enlarged], [enlarged, second]):
        config = config_of(base, *loras, LOAD_IN_8BIT=eight_bit)
        checked = check_model(config, read_vocab_size)
        runner, _ = load_runner(config, checked, checked.vocabulary.tokens)
        predicted = checked.memory.linears + checked.memory.embedding + checked.memory.head
        # the mlp is padded from 176 to 192
        assert predicted <= runner.weights.nbytes <= predicted * 1.1
