"""A GGUF file's RoPE settings as those of a config.json.

llama.cpp's converter keeps "linear" and "yarn" as they are. Of "llama3" it keeps only the factors
that it makes of each frequency, in a tensor.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import GgufFile
from app.checkpoint.gguf.tensor_names import ROPE_FACTORS
from app.checkpoint.json_file import Fields
from app.checkpoint.rope import DEFAULT_THETA
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import TensorInfo

#: Parameters that all published models with "llama3" share, but for their factor and length.
_LOW_FREQ_FACTOR, _HIGH_FREQ_FACTOR = 1.0, 4.0
_ORIGINAL_LENGTHS = tuple(2**n for n in range(5, 21))
_TOLERANCE = 1e-5
#: The file's key after `rope.scaling.`, and the config's.
_YARN = {
    "yarn_beta_fast": "beta_fast",
    "yarn_beta_slow": "beta_slow",
}


def rope_values(gguf: GgufFile, name: str, head_dim: int, context: int) -> dict[str, Any]:
    """rope_theta and rope_scaling of a config.json. name: the architecture's; context: the
    context length in tokens.

    Raises:
        StartupError: a scaling type that is not supported, or a malformed key or tensor.
    """
    metadata = gguf.metadata
    theta = metadata.number(f"{name}.rope.freq_base", DEFAULT_THETA, above=1.0)
    kind = metadata.text(f"{name}.rope.scaling.type", "none")
    factors = _read_factors(gguf, head_dim)
    if factors is not None:
        if kind not in ("none", "llama3"):
            raise StartupError(f"{gguf.path} has both {ROPE_FACTORS} and the RoPE scaling {kind!r}")
        return {"rope_theta": theta, "rope_scaling": _llama3(theta, factors)}
    if kind in ("none", ""):
        # The key of older files.
        factor = metadata.number(f"{name}.rope.scale_linear", 1.0)
        scaling = {"rope_type": "linear", "factor": factor} if factor != 1.0 else None
        return {"rope_theta": theta, "rope_scaling": scaling}
    if kind == "linear":
        return {"rope_theta": theta, "rope_scaling": {"rope_type": kind, **_factor(metadata, name)}}
    if kind == "yarn":
        return {"rope_theta": theta, "rope_scaling": _yarn(metadata, name, context)}
    raise StartupError(
        f"{gguf.path}: RoPE scaling {kind!r} is not supported; none, linear and yarn are"
    )


def frequency_factors(gguf: GgufFile, head_dim: int) -> tuple[float, ...]:
    """The divisors of the rotary frequencies, [head_dim / 2]; () if the file has none, or only 1.

    Raises:
        StartupError: the tensor is malformed.
    """
    factors = tuple(_read_factors(gguf, head_dim) or ())
    return factors if any(factor != 1.0 for factor in factors) else ()


def _factor(metadata: Fields, name: str) -> dict[str, float]:
    key = f"{name}.rope.scaling.factor"
    if metadata.values.get(key) is None:
        raise StartupError(f"{metadata.source} lacks the key {key}")
    return {"factor": metadata.number(key, 1.0)}


def _yarn(metadata: Fields, name: str, context: int) -> dict[str, Any]:
    scaling: dict[str, Any] = {"rope_type": "yarn", **_factor(metadata, name)}
    prefix = f"{name}.rope.scaling."
    scaling["original_max_position_embeddings"] = metadata.integer(
        f"{prefix}original_context_length", context
    )
    for key in ("yarn_ext_factor", "yarn_attn_factor"):
        if metadata.number(prefix + key, 1.0) != 1.0:
            raise StartupError(f"{metadata.source}: {prefix}{key} is not supported")
    for key, ours in _YARN.items():
        if metadata.values.get(prefix + key) is not None:
            scaling[ours] = metadata.number(prefix + key, 1.0)
    attention = metadata.number(f"{prefix}attn_factor", 1.0)
    if attention != 1.0:  # llama.cpp multiplies it with the factor of the YaRN paper
        scaling["attention_factor"] = attention * (0.1 * math.log(scaling["factor"]) + 1.0)
    return scaling


def _read_factors(gguf: GgufFile, head_dim: int) -> array[float] | None:
    tensor = gguf.tensors.get(ROPE_FACTORS)
    if tensor is None:
        return None
    if tensor.dtype != "F32" or tensor.shape != (head_dim // 2,):
        raise StartupError(
            f"{tensor.file}: tensor {ROPE_FACTORS!r} is {tensor.dtype} {list(tensor.shape)}; "
            f"expected F32 [{head_dim // 2}]"
        )
    factors = _floats(tensor)
    if not all(math.isfinite(factor) and factor > 0 for factor in factors):
        raise StartupError(f"{tensor.file}: tensor {ROPE_FACTORS!r} has invalid factors")
    return factors


def _floats(tensor: TensorInfo) -> array[float]:
    values = array("f")
    with open_file(tensor.file) as file:
        file.seek(tensor.begin)
        values.frombytes(file.read(tensor.end - tensor.begin))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _llama3(theta: float, factors: Sequence[float]) -> dict[str, Any] | None:
    """The "llama3" parameters that give `factors`, so that the frequencies have the bits of the
    original model's; None if there are none, or if all factors are 1."""
    largest = max(factors)
    if largest == min(factors) == 1.0:
        return None
    for original in _ORIGINAL_LENGTHS:
        expected = _llama3_factors(theta, len(factors), largest, original)
        pairs = zip(factors, expected, strict=True)
        if all(math.isclose(a, b, rel_tol=_TOLERANCE) for a, b in pairs):
            return {
                "rope_type": "llama3",
                "factor": largest,
                "low_freq_factor": _LOW_FREQ_FACTOR,
                "high_freq_factor": _HIGH_FREQ_FACTOR,
                "original_max_position_embeddings": original,
            }
    return None


def _llama3_factors(theta: float, count: int, factor: float, original: int) -> list[float]:
    """What llama.cpp's converter writes for a head of 2 * count elements."""
    factors = []
    for index in range(count):
        wavelength = 2 * math.pi * theta ** (index / count)
        smooth = (original / wavelength - _LOW_FREQ_FACTOR) / (_HIGH_FREQ_FACTOR - _LOW_FREQ_FACTOR)
        smooth = min(max(smooth, 0.0), 1.0)
        factors.append(1 / ((1 - smooth) / factor + smooth))
    return factors
