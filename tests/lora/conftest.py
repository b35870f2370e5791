"""Base models and adapters for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.lora.adapters import LARGE, SMALL, trained, write_tokenizer
from tests.model.conftest import SaveModel, save_model

__all__ = ["save_model"]


@pytest.fixture(scope="session")
def base(save_model: SaveModel) -> Path:
    """A llama with 16-bit weights, a small vocabulary and its tokenizer."""
    directory = save_model("llama", "float16", seed=11, vocab_size=SMALL).directory
    return write_tokenizer(directory, SMALL)


@pytest.fixture(scope="session")
def plain(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on all matrices, without a tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return trained(model, tmp_path_factory.mktemp("plain"), seed=1)


@pytest.fixture(scope="session")
def enlarged(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA with a larger vocabulary: it has a tokenizer, embeddings and lm_head."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.resize_token_embeddings(LARGE, mean_resizing=False)
    directory = tmp_path_factory.mktemp("enlarged")
    trained(model, directory, seed=2, modules_to_save=["embed_tokens", "lm_head"])
    return write_tokenizer(directory, LARGE)


@pytest.fixture(scope="session")
def second(base: Path, enlarged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA trained on base and `enlarged` together, with one more token: [PAD]."""
    from tests.lora.adapters import reference

    model = reference(base, [enlarged], rows=LARGE, merge=True)
    model.resize_token_embeddings(LARGE + 1, mean_resizing=False)
    directory = tmp_path_factory.mktemp("second")
    trained(model, directory, seed=3, r=8, modules_to_save=["embed_tokens", "lm_head"])
    return write_tokenizer(directory, LARGE, pad=True)
