"""A GGUF file's hyperparameters as the config.json and generation_config.json of Hugging Face.

So one reader (`app.checkpoint.config`) checks both formats. llama.cpp's converter names its keys
after the architecture: `llama.embedding_length`. Mistral models are "llama" there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.end_tokens import end_token_ids, token_id
from app.checkpoint.gguf.gguf_file import GgufFile, array_of
from app.checkpoint.gguf.rope import rope_values
from app.checkpoint.gguf.tensor_names import EMBEDDING, HEAD
from app.checkpoint.json_file import Fields
from app.checkpoint.safetensors_index import matrix_elements

#: Hugging Face's class by general.architecture.
ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_DTYPES = {"F16": "float16", "BF16": "bfloat16"}
#: Keys after the architecture's name that change the computation, and the values that do not.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "expert_count": (0,),
    "attention.causal": (True,),
    "attention.scale": (0.0,),
    "attention.clamp_kqv": (0.0,),
    "use_parallel_residual": (False, True),  # llama.cpp does not read it for these architectures
    "embedding_scale": (0.0, 1.0),
    "residual_scale": (0.0, 1.0),
    "logit_scale": (0.0, 1.0),
    "pooling_type": (0,),
}
#: The request fields that general.sampling.* recommends values for.
_SAMPLING = {
    "temp": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "penalty_repeat": "repetition_penalty",
}


def architecture(gguf: GgufFile) -> str:
    """general.architecture.

    Raises:
        StartupError: it is not supported, or the file holds something else than a model.
    """
    metadata = gguf.metadata
    kind = metadata.text("general.type", "model")
    if kind != "model":
        raise StartupError(f"{gguf.path} holds no model but {kind!r} (general.type)")
    name = metadata.text("general.architecture", "")
    if name not in ARCHITECTURES:
        raise StartupError(
            f"{gguf.path}: architecture {name or 'without a name'!r} is not supported; "
            f"{', '.join(ARCHITECTURES)} are"
        )
    return name


def config_values(gguf: GgufFile) -> dict[str, Any]:
    """The values of a config.json. Its vocab_size is the embedding's rows.

    Raises:
        StartupError: a key is missing or malformed, or the model is not supported.
    """
    name = architecture(gguf)
    _refuse_unsupported(gguf.metadata, name)
    hidden = _required(gguf.metadata, f"{name}.embedding_length")
    layers = _required(gguf.metadata, f"{name}.block_count")
    heads = _per_layer(gguf.metadata, f"{name}.attention.head_count")
    head_dim = _head_dim(gguf.metadata, name, hidden, heads)
    context = _required(gguf.metadata, f"{name}.context_length")
    values: dict[str, Any] = {
        "architectures": [ARCHITECTURES[name]],
        "model_type": name,
        "vocab_size": _rows(gguf),
        "hidden_size": hidden,
        "intermediate_size": _per_layer(gguf.metadata, f"{name}.feed_forward_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": _per_layer(
            gguf.metadata, f"{name}.attention.head_count_kv", default=heads
        ),
        "head_dim": head_dim,
        "max_position_embeddings": context,
        "rms_norm_eps": _eps(gguf.metadata, name),
        "hidden_act": "silu",
        "tie_word_embeddings": HEAD not in gguf.tensors,
        "use_sliding_window": False,
        "dtype": weights_dtype(gguf),
        **rope_values(gguf, name, head_dim, context),
        **_token_ids(gguf),
    }
    if name != "qwen2":
        values["attention_bias"] = "blk.0.attn_q.bias" in gguf.tensors
    if name == "llama":
        values["mlp_bias"] = "blk.0.ffn_gate.bias" in gguf.tensors
    return values


def generation_values(gguf: GgufFile) -> dict[str, Any]:
    """The values of a generation_config.json: token ids, and what general.sampling recommends."""
    recommended = {
        ours: gguf.metadata.values[f"general.sampling.{theirs}"]
        for theirs, ours in _SAMPLING.items()
        if f"general.sampling.{theirs}" in gguf.metadata.values
    }
    return _token_ids(gguf) | recommended


def weights_dtype(gguf: GgufFile) -> str:
    """float16 or bfloat16 if most weights are stored so; else, quantized ones too, float32."""
    most = matrix_elements(gguf.tensors.values()).most_common(1)
    return _DTYPES.get(most[0][0], "float32") if most else "float32"


def _refuse_unsupported(metadata: Fields, name: str) -> None:
    for key, neutral in _NEUTRAL.items():
        value = metadata.values.get(f"{name}.{key}", neutral[0])
        if value not in neutral:
            raise StartupError(f"{metadata.source}: {name}.{key} {value!r} is not supported")


def _required(metadata: Fields, key: str) -> int:
    if metadata.values.get(key) is None:
        raise StartupError(f"{metadata.source} lacks the key {key}")
    return metadata.integer(key, 0)


def _per_layer(metadata: Fields, key: str, default: int | None = None) -> int:
    """A number, or an array with the same number for each layer."""
    value = metadata.values.get(key)
    if value is None and default is not None:
        return default
    if value is None or isinstance(value, (int, float, str)):
        return _required(metadata, key)
    numbers = set(array_of(metadata, key, int))
    if len(numbers) > 1:
        raise StartupError(f"{metadata.source}: {key} differs between layers: not supported")
    return Fields({key: numbers.pop()}, metadata.source).integer(key, 0)


def _head_dim(metadata: Fields, name: str, hidden: int, heads: int) -> int:
    default = max(hidden // heads, 1)
    head_dim = metadata.integer(f"{name}.attention.key_length", default)
    for key in ("attention.value_length", "rope.dimension_count"):
        other = metadata.integer(f"{name}.{key}", head_dim)
        if other != head_dim:
            raise StartupError(
                f"{metadata.source}: {name}.{key} {other} differs from the head's {head_dim}, "
                "which is not supported"
            )
    return head_dim


def _eps(metadata: Fields, name: str) -> float:
    key = f"{name}.attention.layer_norm_rms_epsilon"
    if metadata.values.get(key) is None:
        raise StartupError(f"{metadata.source} lacks the key {key}")
    return metadata.number(key, 0.0)


def _rows(gguf: GgufFile) -> int:
    if EMBEDDING not in gguf.tensors:
        raise StartupError(f"{gguf.path} lacks the tensor {EMBEDDING!r}")
    return gguf.tensors[EMBEDDING].shape[0]


def _token_ids(gguf: GgufFile) -> dict[str, Any]:
    ids: dict[str, Any] = {"eos_token_id": list(end_token_ids(gguf.metadata))}
    bos = token_id(gguf.metadata, "bos_token_id")
    return ids if bos is None else ids | {"bos_token_id": bos}
