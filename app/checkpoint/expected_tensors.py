"""The tensors that an architecture needs, and the check that a model directory has them.

Compares names, shapes and dtypes; reads no tensor.
"""

from __future__ import annotations

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.tensor_types import IDS as TENSOR_TYPE_NAMES
from app.checkpoint.quantization.scheme import QuantizedTensor
from app.checkpoint.safetensors_index import TensorIndex

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
#: Tensors whose first dimension is the vocabulary, which checkpoints may pad.
_VOCABULARY_TENSORS = (EMBEDDING, HEAD)
_FLOATS = ("F32", "F16", "BF16")


def expected_shapes(model: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor that `model` needs, by its name in the checkpoint."""
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (model.vocab_size, model.hidden_size)}
    for layer in range(model.layers):
        prefix = f"model.layers.{layer}."
        shapes |= {prefix + name: shape for name, shape in _layer_shapes(model).items()}
    shapes["model.norm.weight"] = (model.hidden_size,)
    if not model.tied_head:
        shapes[HEAD] = (model.vocab_size, model.hidden_size)
    return shapes


def _layer_shapes(model: ModelConfig) -> dict[str, tuple[int, ...]]:
    hidden, mlp = model.hidden_size, model.intermediate_size
    q, kv = model.heads * model.head_dim, model.kv_heads * model.head_dim
    shapes: dict[str, tuple[int, ...]] = {"input_layernorm.weight": (hidden,)}
    for name, out, into, bias in (
        ("self_attn.q_proj", q, hidden, model.qkv_bias),
        ("self_attn.k_proj", kv, hidden, model.qkv_bias),
        ("self_attn.v_proj", kv, hidden, model.qkv_bias),
        ("self_attn.o_proj", hidden, q, model.o_bias),
        ("mlp.gate_proj", mlp, hidden, model.mlp_bias),
        ("mlp.up_proj", mlp, hidden, model.mlp_bias),
        ("mlp.down_proj", hidden, mlp, model.mlp_bias),
    ):
        shapes[f"{name}.weight"] = (out, into)
        if bias:
            shapes[f"{name}.bias"] = (out,)
    if model.qk_norm:
        shapes["self_attn.q_norm.weight"] = (model.head_dim,)
        shapes["self_attn.k_norm.weight"] = (model.head_dim,)
    shapes["post_attention_layernorm.weight"] = (hidden,)
    return shapes


def check_tensors(model: ModelConfig, index: TensorIndex) -> None:
    """Compare the tensors in `index` with those that `model` needs.

    Raises:
        StartupError: a tensor is missing, has another shape or an unsupported dtype, or is in
            the decoder although config.json's model does not have it.
    """
    expected = expected_shapes(model)
    for name, shape in expected.items():
        if name not in index:
            raise StartupError(
                f"{index.directory} lacks the tensor {index.stored_name(name)!r} of {list(shape)}"
            )
        _check_tensor(name, shape, index)
    for name in index:
        if name not in expected and not _ignorable(name):
            shown = f"{model.layers}-layer {model.architecture} model"
            raise StartupError(
                f"{index[name].file} has the tensor {index.stored_name(name)!r}, which "
                f"{index.described_in}'s {shown} does not have"
            )


def _check_tensor(name: str, shape: tuple[int, ...], index: TensorIndex) -> None:
    tensor, stored_name = index[name], index.stored_name(name)
    padded = name in _VOCABULARY_TENSORS and len(tensor.shape) == 2 and tensor.shape[0] >= shape[0]
    if tensor.shape != shape and not (padded and tensor.shape[1:] == shape[1:]):
        raise StartupError(
            f"{tensor.file}: tensor {stored_name!r} has shape {list(tensor.shape)}; "
            f"{index.described_in} expects {list(shape)}"
        )
    quantized = len(shape) == 2 and (
        tensor.dtype in TENSOR_TYPE_NAMES or isinstance(tensor, QuantizedTensor)
    )
    if tensor.dtype not in _FLOATS and not quantized:
        raise StartupError(
            f"{tensor.file}: tensor {stored_name!r} is {tensor.dtype}; supported: "
            + ", ".join(_FLOATS)
        )


def _ignorable(name: str) -> bool:
    """Old checkpoints store rotary frequencies, others a tied lm_head or heads of other tasks."""
    return not name.startswith("model.") or name.endswith(".rotary_emb.inv_freq")
