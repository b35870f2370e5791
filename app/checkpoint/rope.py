"""Reads the RoPE settings of a config.json: `rope_scaling` (old) or `rope_parameters` (new)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields

ROPE_TYPES = ("default", "linear", "yarn", "llama3")
#: Factors of each frequency, which only GGUF files have; not a type of config.json.
FREQUENCY_FACTORS = "frequency_factors"
#: Most positions of a model: the RoPE tables have a row for each.
MAX_POSITIONS = 2**24
MAX_FACTOR = 1e6
#: Exclusive lower bound that allows 0: the largest float below it.
_BELOW_ZERO = -5e-324
#: transformers' default rope_theta of llama, mistral, qwen2 and qwen3.
DEFAULT_THETA = 10_000.0

_REQUIRED = {
    "default": (),
    "linear": ("factor",),
    "yarn": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
}
_OPTIONAL = {
    "default": (),
    "linear": (),
    "yarn": ("attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate"),
    "llama3": (),
}


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """RoPE: the base, the scaling type and its parameters."""

    theta: float
    kind: str  #: one of ROPE_TYPES, or FREQUENCY_FACTORS with "factors", [head_dim / 2]
    #: The type's parameters in config.json, numbers as floats; "yarn" and "llama3" always have
    #: "original_max_position_embeddings".
    options: dict[str, Any]

    def max_context(self, max_positions: int) -> int:
        """The longest context length in tokens of a model with this max_position_embeddings.

        The factor of linear and yarn is the ratio to the training's context length. Checkpoints
        differ in whether max_position_embeddings includes it already. llama3's factor is not such
        a ratio.
        """
        extended: dict[str, float] = {"linear": max_positions * self.options.get("factor", 1.0)}
        if self.kind == "yarn":
            original = self.options["original_max_position_embeddings"]
            extended["yarn"] = original * self.options["factor"]
        return min(max(max_positions, int(extended.get(self.kind, 0))), MAX_POSITIONS)


def read_rope(config: Fields, max_positions: int) -> RopeConfig:
    """The RoPE of a config.json: `rope_parameters`, or `rope_theta` with `rope_scaling`.

    Raises:
        StartupError: an unsupported type, or a missing or invalid factor.
    """
    given = config.values.get("rope_scaling") or config.values.get("rope_parameters") or {}
    if not isinstance(given, dict):
        raise config.invalid("rope_scaling", "an object")
    rope = Fields(given, f"{config.source}: rope parameters")
    if any(isinstance(value, dict) for value in given.values()):
        raise StartupError(f"{rope.source} differ between layers, which is not supported")
    kind = rope.text("rope_type", rope.text("type", "default"))
    if kind not in ROPE_TYPES:
        raise StartupError(
            f"{config.source}: rope type {kind!r} is not supported; supported: "
            + ", ".join(ROPE_TYPES)
        )
    theta = rope.number("rope_theta", config.number("rope_theta", DEFAULT_THETA), above=1.0)
    partial = rope.number("partial_rotary_factor", config.number("partial_rotary_factor", 1.0))
    if partial != 1.0:
        raise StartupError(f"{config.source}: partial_rotary_factor {partial:g} is not supported")
    return RopeConfig(theta, kind, _options(kind, rope, config, max_positions))


def _options(kind: str, rope: Fields, config: Fields, max_positions: int) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if kind in ("yarn", "llama3"):
        # As in transformers, the top-level key takes precedence over the nested one.
        nested = rope.integer("original_max_position_embeddings", max_positions)
        options["original_max_position_embeddings"] = config.integer(
            "original_max_position_embeddings", nested
        )
    if kind == "yarn" and "factor" in rope.values and rope.values["factor"] is None:
        original = options["original_max_position_embeddings"]
        rope = Fields({**rope.values, "factor": max_positions / original}, rope.source)
    for name in _REQUIRED[kind]:
        if rope.values.get(name) is None:
            raise StartupError(f"{rope.source} of type {kind!r} lack {name!r}")
        options[name] = rope.number(name, 1.0, maximum=MAX_FACTOR)
    for name in _OPTIONAL[kind]:
        if rope.values.get(name) is None:
            continue
        if name == "truncate":
            options[name] = rope.boolean(name, True)
        else:
            # transformers' yarn treats 0 as absent; negative values are invalid.
            options[name] = rope.number(name, 0.0, above=_BELOW_ZERO, maximum=MAX_FACTOR)
    if kind == "llama3" and options["high_freq_factor"] <= options["low_freq_factor"]:
        raise StartupError(f"{rope.source}: high_freq_factor must exceed low_freq_factor")
    return options
