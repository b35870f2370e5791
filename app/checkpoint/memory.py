"""Estimates the memory that a model needs, and checks that the machine has it.

Computed from shapes, dtypes and settings, before any weight is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, HEAD, expected_shapes
from app.checkpoint.hardware.cpu_features import missing_feature
from app.checkpoint.lora.adapter import Lora
from app.checkpoint.safetensors_index import DTYPE_BYTES, TensorIndex

#: Python, torch and the HTTP server, measured at about 700 MB.
RUNTIME_BYTES = 700 * 10**6
_GB = 10**9
#: Bytes of the RoPE tables per position and element of a head: cos and sin in float32, and as much
#: again while they are computed.
_TABLE_BYTES = 16
_DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
#: Inputs that share a scale in 8 and 4 bits, see app/model/cpu_kernels: 17 bytes of 16 weights, 37
#: of 64.
_GROUP = 32
_QUANTIZED_FLAGS = {8: "--load_in_8bit", 4: "--load_in_4bit"}
#: Matrices that are fused into one: all are stored in the widest dtype among them.
_FUSED = {"q_proj": "qkv", "k_proj": "qkv", "v_proj": "qkv", "gate_proj": "mlp", "up_proj": "mlp"}


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """Bytes by kind on the model's device."""

    #: packed matrices: per weight 2 bytes for a 16-bit checkpoint, 4 for others and where a LoRA
    #: is merged in; what --load_in_8bit or --load_in_4bit makes of it
    linears: int
    embedding: int  #: in the checkpoint's dtype
    head: int  #: lm_head: a packed copy, even if it is tied to the embedding
    small: int  #: norms and biases, in float32
    kv_pool: int  #: --kv_cache_mb; 0: a fraction of the memory left
    runtime: int
    kv_bytes_per_token: int  #: keys and values of all layers
    available: int | None  #: by the machine and its cgroup limits; None: unknown
    quantized_weights: Mapping[int, int]  #: all weights with --load_in_8bit (8), --load_in_4bit (4)
    #: RoPE tables while they are computed; negligible for usual context lengths
    tables: int

    @property
    def weights(self) -> int:
        """Bytes of all weights."""
        return self.linears + self.embedding + self.head + self.small

    @property
    def needed(self) -> int:
        """Bytes of weights, KV cache and runtime together."""
        return self.weights + self.kv_pool + self.runtime


def memory_table(
    model: ModelConfig,
    index: TensorIndex,
    *,
    kv_cache_mb: int | None,
    kv_cache_dtype: str,
    available: int | None,
    weight_bytes: int | None = None,
    wide_bytes: int = 4,
    weight_bits: int | None = None,
    loras: Sequence[Lora] = (),
    rows: int = 0,
    positions: int = 0,
) -> MemoryTable:
    """Estimate what `model` needs.

    weight_bytes: of one weight if it differs from the checkpoint's (on a GPU); wide_bytes: of one
    weight that is stored in float32, or in one of GGUF's quantized types; index: if it is
    empty, config.json's dtype counts; rows: of the vocabulary, if larger than the model's;
    positions: context length in tokens; available: bytes of free memory, None: unknown.
    """
    kinds = {"linears": 0, "embedding": 0, "head": 0, "small": 0}
    shapes = expected_shapes(model)
    shapes[HEAD] = shapes[EMBEDDING]
    widths = _widths(model, index, shapes, loras, wide_bytes)
    elements = {"linears": 0, "head": 0}  # with each row padded to whole groups
    for name, shape in shapes.items():
        stored = EMBEDDING if name == HEAD and HEAD not in index else name
        shape = index[stored].shape if stored in index else shape
        if len(shape) == 1:
            kinds["small"] += 4 * shape[0]
            continue
        first = max(shape[0], rows) if name in (EMBEDDING, HEAD) else shape[0]
        kind = {EMBEDDING: "embedding", HEAD: "head"}.get(name, "linears")
        kinds[kind] += first * shape[1] * (weight_bytes or widths[name])
        if kind in elements:
            elements[kind] += first * -(-shape[1] // _GROUP) * _GROUP
    quantized = {
        8: kinds | {kind: elements[kind] * 17 // 16 for kind in elements},
        4: kinds | {"linears": elements["linears"] * 37 // 64, "head": elements["head"] * 17 // 16},
    }
    per_token = 2 * model.layers * model.kv_heads * model.head_dim * _DTYPE_BYTES[kv_cache_dtype]
    return MemoryTable(
        **(quantized[weight_bits] if weight_bits else kinds),
        kv_pool=(kv_cache_mb or 0) * 2**20,
        runtime=RUNTIME_BYTES,
        kv_bytes_per_token=per_token,
        available=available,
        quantized_weights={bits: sum(sizes.values()) for bits, sizes in quantized.items()},
        tables=positions * model.head_dim * _TABLE_BYTES,
    )


def _widths(
    model: ModelConfig,
    index: TensorIndex,
    shapes: dict[str, tuple[int, ...]],
    loras: Sequence[Lora],
    wide_bytes: int,
) -> dict[str, int]:
    """Bytes per weight of each matrix on a CPU."""
    fallback = 2 if model.dtype in ("float16", "bfloat16") else 4
    widths: dict[str, int] = {}
    widest: dict[str, int] = {}
    for name in shapes:
        source = EMBEDDING if name == HEAD and model.tied_head else name
        width = _width(index[source].dtype, wide_bytes) if source in index else fallback
        for lora in loras:
            if source in lora.replaced:
                width = min(DTYPE_BYTES[lora.tensors[lora.replaced[source]].dtype], 4)
            if source in lora.deltas or lora.settings.unusual:
                width = 4
        widths[name] = width
        widest[_group(name)] = max(widest.get(_group(name), 0), width)
    return {name: widest[_group(name)] for name in widths}


def _width(dtype: str, wide_bytes: int) -> int:
    return 2 if dtype in ("F16", "BF16") else wide_bytes


def _group(name: str) -> str:
    layer, _, module = name.removesuffix(".weight").rpartition(".")
    return f"{layer}.{_FUSED.get(module, module)}"


def check_memory(table: MemoryTable, device: str) -> None:
    """Raise StartupError if the model does not fit into the memory of `device` ("CPU", "GPU 0")."""
    if table.available is None or table.needed + table.tables <= table.available:
        return
    if table.needed <= table.available:
        raise StartupError(
            f"the context needs {table.tables / _GB:.1f} GB of {device} memory for its positions "
            f"alone, but {(table.available - table.needed) / _GB:.1f} GB are left; pass a smaller "
            "--max_model_len"
        )
    if table.kv_pool:
        pool = f", {table.kv_pool / _GB:.1f} for keys and values"
    else:
        pool = ""
    raise StartupError(
        f"the model needs {table.needed / _GB:.1f} GB of {device} memory "
        f"({table.weights / _GB:.1f} for weights{pool}, {table.runtime / _GB:.1f} besides), but "
        f"{table.available / _GB:.1f} GB are available; try {_suggestion(table, device)} or a "
        "machine with more memory"
    )


def _suggestion(table: MemoryTable, device: str) -> str:
    available = table.available or 0
    if table.weights + table.runtime <= available:
        return "a smaller --kv_cache_mb"
    has_4_bits = not device.startswith("GPU") and missing_feature() is None
    for bits, size in table.quantized_weights.items():
        if size + table.runtime <= available and (bits != 4 or has_4_bits):
            return _QUANTIZED_FLAGS[bits]
    return "a smaller model"
