"""Writes a tiny random LLaMA with a context long enough for a coding agent's first turn.

Knows nothing about servers. Its answers end by themselves: agents set no limit, or one of 32,000
tokens, and a model that is random through and through ends one in as many tokens as it has.
"""

from __future__ import annotations

import json
import shutil
from math import log
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from app.checkpoint.config import read_config
from app.checkpoint.expected_tensors import expected_shapes
from config import EMBEDDED_MODEL

#: An answer's length, on average.
ANSWER_TOKENS = 20
EOS = 2


def write_random_model(directory: Path, context: int) -> Path:
    """A checkpoint in float32 with the embedded model's tokenizer; returns the directory."""
    directory.mkdir(parents=True)
    shutil.copy(Path(EMBEDDED_MODEL) / "tokenizer.model", directory)
    vocab_size = json.loads((Path(EMBEDDED_MODEL) / "config.json").read_text())["vocab_size"]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": vocab_size,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "torch_dtype": "float32",
        "eos_token_id": EOS,
    }
    (directory / "config.json").write_text(json.dumps(config))
    random = np.random.default_rng(0)
    shapes = expected_shapes(read_config(directory))
    tensors = {
        name: np.ones(shape, np.float32)
        if len(shape) == 1
        else random.normal(0, 0.02, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    end_at_random(tensors, ANSWER_TOKENS)
    save_file(tensors, directory / "model.safetensors")
    return directory


def end_at_random(tensors: dict[str, np.ndarray], tokens: int) -> None:
    """Make end of sequence one token in `tokens`, while the others stay about equally likely.

    All tokens have 1 in the first place of their embedding. The layers add little to that, so the
    last norm makes about sqrt(hidden size) of it, which only EOS's row of the head looks at.
    """
    embedding, head = tensors["model.embed_tokens.weight"], tensors["lm_head.weight"]
    embedding[:, 0] = 1
    head[:, 0] = 0
    vocab_size, hidden_size = head.shape
    head[EOS, 0] = log(vocab_size / (tokens - 1)) / hidden_size**0.5
