"""Reads a GGUF file's model into the record that config.json is read into."""

from __future__ import annotations

from dataclasses import replace

from app.checkpoint.config import ModelConfig, parse_config
from app.checkpoint.gguf.gguf_file import GgufFile
from app.checkpoint.gguf.hf_config import config_values, generation_values
from app.checkpoint.gguf.rope import frequency_factors
from app.checkpoint.json_file import Fields
from app.checkpoint.rope import FREQUENCY_FACTORS, RopeConfig


def read_model_config(gguf: GgufFile) -> ModelConfig:
    """The model that the file's metadata describes.

    Raises:
        StartupError: a key is missing or malformed, or the model is not supported.
    """
    source = str(gguf.path)
    generation = Fields(generation_values(gguf), source)
    model = parse_config(Fields(config_values(gguf), source), generation)
    factors = frequency_factors(gguf, model.head_dim)
    if factors and model.rope.kind == "default":  # no "llama3" parameters give them
        rope = RopeConfig(model.rope.theta, FREQUENCY_FACTORS, {"factors": factors})
        return replace(model, rope=rope)
    return model
