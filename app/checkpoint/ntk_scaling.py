"""NTK-aware scaling (--alpha): a larger RoPE base, for contexts longer than in training."""

from __future__ import annotations

from dataclasses import replace

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError


def scale_rope(model: ModelConfig, alpha: float) -> ModelConfig:
    """`model` with its RoPE base multiplied by alpha ** (d / (d - 2)), where d is head_dim.

    Raises:
        StartupError: config.json already has a RoPE scaling, or head_dim is too small.
    """
    if alpha == 1.0:
        return model
    if model.rope.kind != "default":
        raise StartupError(
            f"--alpha is {alpha:g}, but config.json already scales its positions (rope type "
            f"{model.rope.kind!r}); leave --alpha out"
        )
    if model.head_dim <= 2:
        raise StartupError(f"--alpha needs heads of more than {model.head_dim} elements")
    exponent = model.head_dim / (model.head_dim - 2)
    rope = replace(model.rope, theta=model.rope.theta * alpha**exponent)
    return replace(model, rope=rope)
