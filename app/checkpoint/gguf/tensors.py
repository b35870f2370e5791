"""The tensors of a GGUF file under Hugging Face's names."""

from __future__ import annotations

from app.checkpoint.gguf.gguf_file import GgufFile
from app.checkpoint.gguf.tensor_names import ROPE_FACTORS, ggml_name, huggingface_name
from app.checkpoint.safetensors_index import TensorIndex


def tensor_index(gguf: GgufFile) -> TensorIndex:
    """All tensors but the RoPE's factors, which belong to the config. Their dtypes are ggml's
    types; errors call them by ggml's names."""
    tensors = {
        huggingface_name(name): tensor
        for name, tensor in gguf.tensors.items()
        if name != ROPE_FACTORS
    }
    return TensorIndex(gguf.path, tensors, ggml_name, "its metadata")
