"""Loads a checked model directory into a runner. Called once, on the engine's thread."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch

from app.checkpoint.check import CheckedModel
from app.checkpoint.config import ModelConfig
from app.checkpoint.dtypes import compute_dtype, quantized_rounding
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.cpu_count import cpu_count
from app.checkpoint.lora.adapter import PICKLE
from app.model.cpu_backend import cpu_packer, decoder_for
from app.model.int8_gpu import GpuInt8Packer
from app.model.loading.build_weights import Source, build_weights
from app.model.loading.counted_source import CountedSource
from app.model.loading.device_map import balanced_device_map, on_devices
from app.model.loading.lora_merge import merge_loras, pad_vocabulary
from app.model.loading.malloc_tuning import mmap_large_blocks
from app.model.loading.peft_merge import head_is_embedding, merge_with_peft
from app.model.loading.progress import Report, loading_progress
from app.model.loading.quantization import FullPrecisionPacker, WeightPacker
from app.model.loading.quantized_source import from_quantized
from app.model.loading.tensor_sources import from_checkpoint, from_modules, from_pickles
from app.model.runner import Cache, TorchRunner
from app.model.weights import Weights
from config import Config

log = logging.getLogger(__name__)

#: Most sequences that run at once. An unused slot takes address space only.
SLOTS = 64
#: Fraction of the memory left after loading that the KV cache may use.
KV_CACHE_FRACTION = 0.5


def load_runner(config: Config, checked: CheckedModel, vocab_size: int) -> tuple[TorchRunner, int]:
    """The runner, and the capacity of its KV cache in tokens over all slots.

    vocab_size: of the tokenizer.

    Raises:
        StartupError: the weights cannot be read or do not fit.
    """
    torch.set_num_threads(config.THREADS or cpu_count().threads)
    length = max_model_len(config, checked)
    with mmap_large_blocks(), torch.inference_mode(), loading_progress() as report:
        weights = load_weights(config, checked, report)
        slots = _slots(config, weights, length)
        decoder, cache = decoder_for(weights, slots, length, checked.kv_cache_dtype)
        untrained = checked.vocabulary.untrained
        runner = TorchRunner(weights, cache, decoder, vocab_size, untrained)
    return runner, _kv_cache_tokens(config, weights, cache, length)


def load_weights(config: Config, checked: CheckedModel, report: Report) -> Weights:
    """The weights with LoRAs merged in: read from the files, or by transformers on one GPU."""
    model = replace(checked.model, vocab_size=checked.vocabulary.rows)
    if checked.gpus:
        _warn_of_unused_cache(config, "on a GPU")
        return _gpu_weights(config, checked, model, report)
    packer = cpu_packer(config.weight_bits, config.KV_CACHE_DTYPE)

    def build() -> Weights:
        source, merged = _merged_source(config, checked, model)
        return _build(checked, merged, source, packer, torch.float32, report)

    if config.CACHE_DIR is None:
        return build()
    if not packer.keepable:
        _warn_of_unused_cache(config, "without the compiled kernels")
        return build()
    from app.model.weight_cache.key import weight_cache_key
    from app.model.weight_cache.weight_cache import cached_weights  # compiles

    key = weight_cache_key(config, checked)
    return cached_weights(Path(config.CACHE_DIR), key, model, build, report)


def _warn_of_unused_cache(config: Config, where: str) -> None:
    if config.CACHE_DIR is not None:
        log.warning("--cache_dir is not used %s: weights are packed at each start", where)


def _build(
    checked: CheckedModel,
    model: ModelConfig,
    source: Source,
    packer: WeightPacker,
    dtype: torch.dtype,
    report: Report,
) -> Weights:
    counted = CountedSource(source, model, checked, report)
    weights = build_weights(model, counted, packer, dtype)
    counted.finish()
    return weights


def _merged_source(
    config: Config, checked: CheckedModel, model: ModelConfig
) -> tuple[Source, ModelConfig]:
    """A source of all tensors on the CPU with LoRAs merged in, and the config of the result."""
    if any(lora.settings.unusual for lora in checked.loras):
        merged = merge_with_peft(checked)
        model = replace(model, tied_head=head_is_embedding(merged))
        return pad_vocabulary(from_modules(merged), checked.vocabulary.rows), model
    source = _base_source(config, checked)
    loras = [
        (
            lora,
            from_pickles(lora.settings.directory, PICKLE)
            if lora.pickled
            else from_checkpoint(lora.tensors),
        )
        for lora in checked.loras
    ]
    merged_source = merge_loras(source, checked.tied_base, loras)
    return pad_vocabulary(merged_source, checked.vocabulary.rows), model


def _base_source(config: Config, checked: CheckedModel) -> Source:
    if checked.pickled:
        return from_pickles(checked.directory)
    if not checked.quantization:
        return from_checkpoint(checked.tensors)
    rounded = quantized_rounding(config, checked.gpus)
    int8 = config.weight_bits is not None and not checked.gpus
    if not checked.gguf:
        return from_quantized(checked.tensors, int8=int8, rounded=rounded)
    from app.model.loading.gguf_source import from_gguf

    return from_gguf(checked.tensors, checked.model, int8=int8, rounded=rounded)


def max_model_len(config: Config, checked: CheckedModel) -> int:
    """The context length: most tokens of prompt and output together."""
    return config.MAX_MODEL_LEN or checked.model.max_positions


def _gpu_weights(
    config: Config, checked: CheckedModel, model: ModelConfig, report: Report
) -> Weights:
    """CI has no GPU and does not run this; tests/model runs the functions it calls on a CPU."""
    dtype: torch.dtype = getattr(torch, compute_dtype(config, checked.model, checked.gpus))
    packer: WeightPacker = (
        GpuInt8Packer(dtype) if config.LOAD_IN_8BIT else FullPrecisionPacker(dtype)
    )
    if checked.loras or len(checked.gpus) > 1 or config.LOAD_IN_8BIT or checked.quantization:
        source, model = _merged_source(config, checked, model)
        device_map = {"": torch.device("cuda", checked.gpus[0])}
        if len(checked.gpus) > 1:
            stored = torch.int8 if config.LOAD_IN_8BIT else dtype
            device_map = dict(balanced_device_map(checked.directory, stored, checked.gpus))
        source = on_devices(source, device_map, model.tied_head)
        return _build(checked, model, source, packer, dtype, report)
    from transformers import AutoModelForCausalLM  # seconds to import, so only where needed

    modules = AutoModelForCausalLM.from_pretrained(
        checked.directory,
        dtype=dtype,
        device_map={"": checked.gpu},
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=not checked.pickled,
    )
    source = pad_vocabulary(from_modules(modules), checked.vocabulary.rows)
    return _build(checked, model, source, packer, dtype, report)


def _slots(config: Config, weights: Weights, length: int) -> int:
    """How many slots of `length` tokens fit; on a GPU their memory is allocated at once."""
    if weights.device.type == "cpu":
        return SLOTS
    model = weights.config
    per_layer = 2 * model.kv_heads * model.head_dim * weights.dtype.itemsize * length
    layers = Counter(layer.device for layer in weights.layers)
    slots = SLOTS
    for device, count in layers.items():
        free, _ = torch.cuda.mem_get_info(device)
        budget = int(free * 0.9)
        if config.KV_CACHE_MB:
            budget = config.KV_CACHE_MB * 2**20 * count // model.layers
        slots = min(slots, budget // (per_layer * count))
    if slots < 1:
        raise StartupError("no memory is left for one full context: pass a smaller --max_model_len")
    return slots


def _kv_cache_tokens(config: Config, weights: Weights, cache: Cache, length: int) -> int:
    """Tokens by --kv_cache_mb, by default a fraction of the available memory; at least one full
    context. Mapped weights need memory that the system counts as available."""
    capacity = cache.slots * cache.positions
    if config.KV_CACHE_MB:
        return min(max(length, config.KV_CACHE_MB * 2**20 // cache.bytes_per_token), capacity)
    available = available_bytes()
    if available is None:
        return capacity
    left = available - weights.nbytes if weights.mapped else available
    tokens = int(left * KV_CACHE_FRACTION) // cache.bytes_per_token
    return max(length, min(tokens, capacity))
