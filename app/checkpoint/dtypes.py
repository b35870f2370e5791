"""Which dtype a device computes in, and in which it keeps keys and values."""

from __future__ import annotations

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.cpu_features import missing_feature
from config import Config


def compute_dtype(config: Config, model: ModelConfig, gpus: tuple[int, ...]) -> str:
    """float32 on a CPU; on a GPU --dtype, by default the checkpoint's, or float16 for float32."""
    if not gpus:
        return "float32"
    if config.DTYPE != "auto":
        return config.DTYPE
    return "float16" if model.dtype == "float32" else model.dtype


def quantized_rounding(config: Config, gpus: tuple[int, ...]) -> str | None:
    """The 16-bit type of --dtype, to which a CPU's copy of quantized and float32 weights of a GGUF
    file or a quantized directory is rounded; None: they keep their values."""
    return config.DTYPE if config.DTYPE in ("float16", "bfloat16") and not gpus else None


def check_weight_bits(config: Config, gpus: tuple[int, ...]) -> None:
    """Raise StartupError if this device has no kernels for --load_in_4bit."""
    if not config.LOAD_IN_4BIT:
        return
    if gpus:
        raise StartupError(
            "--load_in_4bit is for CPUs: pass --only_cpu too, or --load_in_8bit for the GPU"
        )
    if missing := missing_feature():
        raise StartupError(
            f"--load_in_4bit needs the compiled kernels, but this CPU has no {missing}; pass "
            "--load_in_8bit"
        )


def kv_cache_dtype(config: Config, model: ModelConfig, gpus: tuple[int, ...]) -> str:
    """The dtype of the KV cache: --kv_cache_dtype, by default float32 on a CPU, float16 beside
    quantized weights, and on a GPU the dtype it computes in.

    Raises:
        StartupError: this device cannot have the dtype of --kv_cache_dtype.
    """
    wanted, computed = config.KV_CACHE_DTYPE, compute_dtype(config, model, gpus)
    if gpus:
        if wanted not in ("auto", computed):
            raise StartupError(
                f"--kv_cache_dtype is {wanted}, but a GPU keeps keys and values in the dtype it "
                f"computes in, {computed}: pass --dtype {wanted} too, or --kv_cache_dtype auto"
            )
        return computed
    if missing := missing_feature():
        if wanted == "float16":
            raise StartupError(
                f"--kv_cache_dtype float16 needs the compiled kernels, but this CPU has no "
                f"{missing}; pass auto or float32"
            )
        return "float32"
    if wanted != "auto":
        return wanted
    # Beside the rounding of quantized weights that of keys and values to float16 is negligible.
    return "float16" if config.weight_bits else "float32"
