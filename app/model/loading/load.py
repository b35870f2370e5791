"""From a checked model directory to a runner that is ready to compute.

Knows nothing about tokenizers or HTTP; called once, on the engine's thread.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

import torch
from tqdm import tqdm

from app.checkpoint.check import CheckedModel
from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.cpu_count import cores
from app.checkpoint.lora.delta import PICKLE
from app.model.cpu_backend import cpu_packer, decoder_for
from app.model.int8_gpu import GpuInt8Packer
from app.model.loading.build_weights import Report, Source, build_weights
from app.model.loading.device_map import placed, spread
from app.model.loading.lora_merge import merged, resized
from app.model.loading.malloc_tuning import mmap_large_blocks
from app.model.loading.peft_merge import head_is_embedding, merge_with_peft
from app.model.loading.quantization import FullPrecisionPacker, WeightPacker
from app.model.loading.tensor_sources import from_checkpoint, from_modules, from_pickles
from app.model.runner import Cache, TorchRunner
from app.model.weights import Weights
from config import Config

log = logging.getLogger(__name__)

#: Sequences that may run at once. Slots cost address space only until they are used.
SLOTS = 64
#: Share of the memory left after loading that keys and values may fill.
POOL_SHARE = 0.5


def load_runner(config: Config, checked: CheckedModel, vocab_size: int) -> tuple[TorchRunner, int]:
    """The runner and how many tokens its cache may hold in all.

    vocab_size: of the tokenizer.

    Raises:
        StartupError: the weights cannot be read or do not fit.
    """
    torch.set_num_threads(config.THREADS or cores().threads)
    length = max_model_len(config, checked)
    with (
        mmap_large_blocks(),
        torch.inference_mode(),
        tqdm(
            total=checked.model.layers,
            desc="Loading weights",
            unit="layer",
            leave=False,
            disable=None,  # a log is no terminal
        ) as bar,
    ):
        weights = load_weights(
            config, checked, lambda done, total: bar.update(done - bar.n) and None
        )
        decoder, cache = decoder_for(weights, _slots(config, weights, length), length)
        untrained = checked.vocabulary.untrained
        runner = TorchRunner(weights, cache, decoder, vocab_size, untrained)
    return runner, _pool_tokens(config, cache, length)


def load_weights(config: Config, checked: CheckedModel, report: Report) -> Weights:
    """Weights straight from the files, LoRAs merged in; through transformers on one GPU."""
    model = replace(checked.model, vocab_size=checked.vocabulary.rows)
    if checked.gpus:
        return _gpu_weights(config, checked, model, report)
    source, model = _merged_source(checked, model)
    packer = cpu_packer(model, config.LOAD_IN_8BIT)
    return build_weights(model, source, packer, torch.float32, report)


def _merged_source(checked: CheckedModel, model: ModelConfig) -> tuple[Source, ModelConfig]:
    """All tensors on the CPU, and `model` as the LoRAs leave it."""
    if any(lora.settings.unusual for lora in checked.loras):
        whole = merge_with_peft(checked)
        model = replace(model, tied_head=head_is_embedding(whole))
        return resized(from_modules(whole), checked.vocabulary.rows), model
    source = (
        from_pickles(checked.directory) if checked.pickled else from_checkpoint(checked.tensors)
    )
    loras = [
        (
            lora,
            from_pickles(lora.settings.directory, PICKLE)
            if lora.pickled
            else from_checkpoint(lora.tensors),
        )
        for lora in checked.loras
    ]
    return resized(merged(source, checked.tied_base, loras), checked.vocabulary.rows), model


def max_model_len(config: Config, checked: CheckedModel) -> int:
    """Tokens of prompt and answer together."""
    return config.MAX_MODEL_LEN or checked.model.max_positions


def compute_dtype(config: Config, checked: CheckedModel) -> torch.dtype:
    """float32 on a CPU; on a GPU the checkpoint's 16-bit type, float16 for a float32 one."""
    if not checked.gpus:
        return torch.float32
    name = config.DTYPE
    if name == "auto":
        name = "float16" if checked.model.dtype == "float32" else checked.model.dtype
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _gpu_weights(
    config: Config, checked: CheckedModel, model: ModelConfig, report: Report
) -> Weights:
    """Not run in CI, where there is no GPU; the same paths on a CPU are (tests/model)."""
    dtype = compute_dtype(config, checked)
    packer: WeightPacker = (
        GpuInt8Packer(dtype) if config.LOAD_IN_8BIT else FullPrecisionPacker(dtype)
    )
    if checked.loras or len(checked.gpus) > 1 or config.LOAD_IN_8BIT:
        source, model = _merged_source(checked, model)
        places = {"": torch.device("cuda", checked.gpus[0])}
        if len(checked.gpus) > 1:
            stored = torch.int8 if config.LOAD_IN_8BIT else dtype
            places = dict(spread(checked.directory, stored, checked.gpus))
        source = placed(source, places, model.tied_head)
        return build_weights(model, source, packer, dtype, report)
    from transformers import AutoModelForCausalLM  # seconds to import, so only where needed

    whole = AutoModelForCausalLM.from_pretrained(
        checked.directory,
        dtype=dtype,
        device_map={"": checked.gpu},
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=not checked.pickled,
    )
    source = resized(from_modules(whole), checked.vocabulary.rows)
    return build_weights(model, source, packer, dtype, report)


def _slots(config: Config, weights: Weights, length: int) -> int:
    if weights.device.type == "cpu":
        return SLOTS
    model = weights.config
    per_layer = 2 * model.kv_heads * model.head_dim * weights.dtype.itemsize * length
    layers = Counter(layer.device for layer in weights.layers)
    slots = SLOTS
    for device, count in layers.items():
        free, _ = torch.cuda.mem_get_info(device)
        room = int(free * 0.9)
        if config.KV_CACHE_MB:
            room = config.KV_CACHE_MB * 2**20 * count // model.layers
        slots = min(slots, room // (per_layer * count))
    if slots < 1:
        raise StartupError("no memory is left for one full context: pass a smaller --max_model_len")
    return slots


def _pool_tokens(config: Config, cache: Cache, length: int) -> int:
    """As --kv_cache_mb says, else a share of what is left; at least one full context."""
    most = cache.slots * cache.positions
    if config.KV_CACHE_MB:
        return min(config.KV_CACHE_MB * 2**20 // cache.bytes_per_token, most)
    left = available_bytes()
    share = most if left is None else int(left * POOL_SHARE) // cache.bytes_per_token
    return max(length, min(share, most))
