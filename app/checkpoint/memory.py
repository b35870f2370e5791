"""How much memory a model needs, by kind, and whether the machine has it.

Knows nothing about how weights are loaded; counts from shapes, dtypes and settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.headers import DTYPE_BYTES, TensorIndex
from app.checkpoint.layout import EMBEDDING, HEAD, expected_shapes

#: Python, torch and the HTTP side of a serving process, measured at about 700 MB.
RUNTIME_BYTES = 700 * 10**6
_GB = 10**9


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """Bytes by kind on the device that holds the model."""

    linears: int  #: packed matrices: 2 bytes a weight from a 16-bit checkpoint, else 4
    embedding: int  #: in the checkpoint's dtype
    head: int  #: packed apart even where it is tied to the embedding
    small: int  #: norms and biases, in float32
    kv_pool: int  #: as --kv_cache_mb says; 0: whatever is left
    runtime: int
    kv_bytes_per_token: int  #: float32 keys and values of all layers, on the CPU
    available: int | None  #: what the machine or its limit leaves; None: unknown

    @property
    def weights(self) -> int:
        """Bytes of the model itself."""
        return self.linears + self.embedding + self.head + self.small

    @property
    def needed(self) -> int:
        """Bytes of everything that must fit."""
        return self.weights + self.kv_pool + self.runtime


def memory_table(
    model: ModelConfig,
    index: TensorIndex,
    *,
    kv_cache_mb: int | None,
    available: int | None,
    weight_bytes: int | None = None,
) -> MemoryTable:
    """Count what `model` needs. `weight_bytes` is the size of one weight when it does not
    follow the checkpoint's (on a GPU); an index without tensors counts as config.json's dtype.
    """
    fallback = 2 if model.dtype in ("float16", "bfloat16") else 4
    kinds = {"linears": 0, "embedding": 0, "head": 0, "small": 0}
    shapes = expected_shapes(model)
    shapes[HEAD] = shapes[EMBEDDING]
    for name, shape in shapes.items():
        source = EMBEDDING if name == HEAD and model.tied_head else name
        found = index[source] if source in index else None
        size = min(DTYPE_BYTES[found.dtype], 4) if found else fallback
        shape = found.shape if found else shape
        if len(shape) == 1:
            kinds["small"] += 4 * shape[0]
            continue
        kind = {EMBEDDING: "embedding", HEAD: "head"}.get(name, "linears")
        kinds[kind] += shape[0] * shape[1] * (weight_bytes or size)
    per_token = 2 * model.layers * model.kv_heads * model.head_dim * (weight_bytes or 4)
    pool = (kv_cache_mb or 0) * 2**20
    return MemoryTable(
        **kinds,
        kv_pool=pool,
        runtime=RUNTIME_BYTES,
        kv_bytes_per_token=per_token,
        available=available,
    )


def check_memory(table: MemoryTable, device: str) -> None:
    """Raises StartupError when the model cannot fit into `device`'s memory ("CPU", "GPU 0")."""
    if table.available is None or table.needed <= table.available:
        return
    fits_without_pool = table.weights + table.runtime <= table.available
    hint = "a smaller --kv_cache_mb" if fits_without_pool else "a smaller model"
    if table.kv_pool:
        pool = f", {table.kv_pool / _GB:.1f} for keys and values"
    else:
        pool = ""
    raise StartupError(
        f"the model needs {table.needed / _GB:.1f} GB of {device} memory "
        f"({table.weights / _GB:.1f} for weights{pool}, {table.runtime / _GB:.1f} besides), but "
        f"{table.available / _GB:.1f} GB are available; try {hint} or a machine with more memory"
    )
