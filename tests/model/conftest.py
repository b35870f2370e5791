"""Small random models of all architectures, saved by transformers as checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from app.engine.async_engine import AsyncEngine
from tests.harness.in_process import engine_of

VOCAB = 400
SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 64,
    "intermediate_size": 176,  # not a multiple of 64, so that the MLP is padded
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}


@dataclass(frozen=True)
class SavedModel:
    """A checkpoint, and transformers' own float32 model of it."""

    directory: Path
    reference: PreTrainedModel


SaveModel = Callable[..., SavedModel]


@pytest.fixture(scope="session")
def save_model(tmp_path_factory: pytest.TempPathFactory) -> SaveModel:
    """Save a random model: `save_model("llama", "bfloat16", tie_word_embeddings=True)`."""

    def save(kind: str, dtype: str = "float32", seed: int = 0, **changes: Any) -> SavedModel:
        torch.manual_seed(seed)
        config = AutoConfig.for_model(kind, **(SHAPE | changes))
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for name, parameter in model.named_parameters():
            # Wider than an initialisation, so that the logits of the top tokens differ clearly.
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.12)
            elif "norm" in name:
                parameter.data.uniform_(0.5, 1.5)
            else:
                parameter.data.normal_(0, 0.3)
        model.to(getattr(torch, dtype))
        directory = tmp_path_factory.mktemp(kind)
        model.save_pretrained(directory)
        reference = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        return SavedModel(directory, reference.eval())

    return save


@pytest.fixture(scope="session")
def tiny(save_model: SaveModel) -> SavedModel:
    """A llama with 16-bit weights."""
    return save_model("llama", "float16")


@pytest.fixture(scope="module")
def tiny_engine(tiny: SavedModel) -> Iterator[AsyncEngine]:
    """The engine of `tiny`."""
    engine = engine_of(tiny.directory)
    yield engine
    engine.drain(0)
