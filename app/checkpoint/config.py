"""Reads config.json into one frozen record: the shape of a llama, mistral, qwen2 or qwen3 model.

Models that the forward pass cannot compute exactly are refused. A missing key has the default of
transformers' config class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.attention import read_heads, read_windows
from app.checkpoint.errors import StartupError
from app.checkpoint.generation_config import read_generation_config
from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.rope import MAX_POSITIONS, ROPE_TYPES, RopeConfig, read_rope
from app.checkpoint.special_ids import eos_ids
from app.checkpoint.vocabulary import MAX_TOKENS

__all__ = [
    "ARCHITECTURES",
    "ROPE_TYPES",
    "ModelConfig",
    "RopeConfig",
    "parse_config",
    "read_config",
]

ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "LLaMAForCausalLM": "llama",  # the name in early 2023 checkpoints
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
DTYPES = ("float32", "float16", "bfloat16")

_LLAMA = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
}
_MISTRAL = _LLAMA | {"intermediate_size": 14336, "max_position_embeddings": 4096 * 32}
_QWEN = _LLAMA | {
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "max_position_embeddings": 32768,
}
_SIZES = {"llama": _LLAMA, "mistral": _MISTRAL, "qwen2": _QWEN, "qwen3": _QWEN}
#: Upper bounds of sizes for which the server allocates memory before it reads the weights.
_LARGEST = {
    "vocab_size": MAX_TOKENS,
    "num_hidden_layers": 1024,
    "max_position_embeddings": MAX_POSITIONS,
}
#: Keys that make transformers run code from the checkpoint.
_REMOTE_CODE = ("auto_map", "trust_remote_code", "_attn_implementation_internal")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a model. Sizes are in elements, not bytes."""

    architecture: str  #: "llama", "mistral", "qwen2" or "qwen3"
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    rope: RopeConfig
    max_positions: int  #: max_position_embeddings: the default context length
    tied_head: bool  #: lm_head is the embedding
    qkv_bias: bool
    o_bias: bool
    mlp_bias: bool
    qk_norm: bool  #: qwen3: RMSNorm over each head of q and k
    windows: tuple[int | None, ...]  #: per layer: sliding window in tokens; None: unlimited
    dtype: str  #: of the checkpoint, one of DTYPES; "" if config.json has none
    eos_ids: tuple[int, ...]  #: of generation_config.json and config.json; not the tokenizer's

    @property
    def max_context(self) -> int:
        """The longest context length in tokens that the model's positions allow."""
        return self.rope.max_context(self.max_positions)


def read_config(directory: Path) -> ModelConfig:
    """The model that `directory`'s config.json describes.

    Raises:
        StartupError: config.json is missing or malformed, or the model is not supported.
    """
    path = directory / "config.json"
    return parse_config(Fields(read_json(path), str(path)), read_generation_config(directory))


def parse_config(config: Fields, generation: Fields) -> ModelConfig:
    """The model that the values of a config.json and a generation_config.json describe.

    Raises:
        StartupError: a value is malformed, or the model is not supported.
    """
    _refuse_unsupported(config)
    kind = _architecture(config)
    sizes = {
        name: config.integer(name, default, maximum=_LARGEST.get(name, 2**31))
        for name, default in _SIZES[kind].items()
    }
    if "max_position_embeddings" not in config.values:  # its name in some files of 2023
        sizes["max_position_embeddings"] = config.integer(
            "max_sequence_length", sizes["max_position_embeddings"], maximum=MAX_POSITIONS
        )
    layers = sizes["num_hidden_layers"]
    heads, kv_heads, head_dim = read_heads(
        config, kind, sizes["hidden_size"], sizes["num_attention_heads"]
    )
    attention_bias = kind in ("llama", "qwen3") and config.boolean("attention_bias", False)
    return ModelConfig(
        architecture=kind,
        vocab_size=sizes["vocab_size"],
        hidden_size=sizes["hidden_size"],
        intermediate_size=sizes["intermediate_size"],
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        norm_eps=config.number("rms_norm_eps", 1e-6),
        rope=read_rope(config, sizes["max_position_embeddings"]),
        max_positions=sizes["max_position_embeddings"],
        tied_head=config.boolean("tie_word_embeddings", False),
        qkv_bias=attention_bias or kind == "qwen2",
        o_bias=attention_bias,
        mlp_bias=kind == "llama" and config.boolean("mlp_bias", False),
        qk_norm=kind == "qwen3",
        windows=read_windows(config, kind, layers),
        dtype=_dtype(config),
        eos_ids=eos_ids(config, kind, generation, sizes["vocab_size"]),
    )


def _refuse_unsupported(config: Fields) -> None:
    for name in _REMOTE_CODE:
        if config.values.get(name):
            raise StartupError(
                f"{config.source} has {name!r}: models that bring their own code are refused"
            )
    act = config.text("hidden_act", "silu")
    if act != "silu":
        raise StartupError(f"{config.source}: hidden_act {act!r} is not supported; only 'silu'")


def _architecture(config: Fields) -> str:
    supported = ", ".join(ARCHITECTURES)
    named = config.values.get("architectures")
    if named is None:
        kind = config.text("model_type", "")
        if kind in ARCHITECTURES.values():
            return kind
        names = f"model_type {kind!r}" if kind else "no architecture"
        raise StartupError(f"{config.source} names {names}; supported: {supported}")
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise config.invalid("architectures", "a list of names")
    for name in named:
        if name in ARCHITECTURES:
            return ARCHITECTURES[name]
    names = ", ".join(named) or "none"
    raise StartupError(f"{config.source}: architecture {names} is not supported; {supported} are")


def _dtype(config: Fields) -> str:
    name = config.text("dtype", config.text("torch_dtype", "")).removeprefix("torch.")
    if name not in ("", "auto", *DTYPES):
        raise StartupError(
            f"{config.source}: dtype {name!r} is not supported; {', '.join(DTYPES)} are"
        )
    return name if name in DTYPES else ""
