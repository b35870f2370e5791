"""From a checked model directory to a runner that is ready to compute.

Knows nothing about tokenizers or HTTP; called once, on the engine's thread.
"""

from __future__ import annotations

import logging
import os

import torch
from tqdm import tqdm

from app.checkpoint.check import CheckedModel
from app.checkpoint.errors import StartupError
from app.checkpoint.machine import available_bytes
from app.model.assemble import Report, Source, assemble
from app.model.kv_cache import SlotCache
from app.model.packing import EightBit, FullPrecision, Packing
from app.model.runner import TorchRunner
from app.model.selfcheck import batch_invariant
from app.model.sources import from_checkpoint, from_modules, from_pickles
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
    torch.set_num_threads(config.THREADS or len(os.sched_getaffinity(0)))
    length = max_model_len(config, checked)
    with (
        torch.inference_mode(),
        tqdm(total=checked.model.layers, desc="Loading weights", unit="layer", leave=False) as bar,
    ):
        weights = load_weights(
            config, checked, lambda done, total: bar.update(done - bar.n) and None
        )
        devices = tuple(layer.device for layer in weights.layers)
        cache = SlotCache(
            checked.model, _slots(config, weights, length), length, weights.dtype, devices
        )
        runner = TorchRunner(weights, cache, vocab_size)
        if weights.device.type == "cpu":
            log.info("batch_invariant=%s", "yes" if batch_invariant(weights) else "no")
    return runner, _pool_tokens(config, cache, length)


def load_weights(config: Config, checked: CheckedModel, report: Report) -> Weights:
    """Weights straight from the files on a CPU, through transformers on a GPU."""
    if checked.gpu is None:
        source: Source
        source = (
            from_pickles(checked.directory) if checked.pickled else from_checkpoint(checked.tensors)
        )
        packing: Packing = EightBit() if config.LOAD_IN_8BIT else FullPrecision(torch.float32)
        return assemble(checked.model, source, packing, torch.float32, report)
    return _gpu_weights(config, checked, report)


def max_model_len(config: Config, checked: CheckedModel) -> int:
    """Tokens of prompt and answer together."""
    return config.MAX_MODEL_LEN or checked.model.max_positions


def compute_dtype(config: Config, checked: CheckedModel) -> torch.dtype:
    """float32 on a CPU; on a GPU the checkpoint's 16-bit type, float16 for a float32 one."""
    if checked.gpu is None:
        return torch.float32
    name = config.DTYPE
    if name == "auto":
        name = "float16" if checked.model.dtype == "float32" else checked.model.dtype
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def _gpu_weights(config: Config, checked: CheckedModel, report: Report) -> Weights:
    """Not run in CI, where there is no GPU; the same path on a CPU is (tests/model)."""
    from transformers import AutoModelForCausalLM  # seconds to import, so only where needed

    dtype = compute_dtype(config, checked)
    model = AutoModelForCausalLM.from_pretrained(
        checked.directory,
        dtype=dtype,
        device_map={"": checked.gpu},
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=not checked.pickled,
    )
    return assemble(checked.model, from_modules(model), FullPrecision(dtype), dtype, report)


def _slots(config: Config, weights: Weights, length: int) -> int:
    if weights.device.type == "cpu":
        return SLOTS
    free, _ = torch.cuda.mem_get_info(weights.device)
    room = config.KV_CACHE_MB * 2**20 if config.KV_CACHE_MB else int(free * 0.9)
    model = weights.config
    per_token = 2 * model.layers * model.kv_heads * model.head_dim * weights.dtype.itemsize
    slots = room // (per_token * length)
    if slots < 1:
        raise StartupError("no memory is left for one full context: pass a smaller --max_model_len")
    return min(SLOTS, slots)


def _pool_tokens(config: Config, cache: SlotCache, length: int) -> int:
    """As --kv_cache_mb says, else a share of what is left; at least one full context."""
    most = cache.slots * cache.positions
    if config.KV_CACHE_MB:
        tokens = config.KV_CACHE_MB * 2**20 // cache.bytes_per_token
        if tokens < length:
            needed = -(-length * cache.bytes_per_token // 2**20)
            raise StartupError(
                f"--kv_cache_mb {config.KV_CACHE_MB} holds {tokens} tokens, fewer than one context "
                f"of {length}: pass at least {needed}, or a smaller --max_model_len"
            )
        return min(tokens, most)
    left = available_bytes()
    share = most if left is None else int(left * POOL_SHARE) // cache.bytes_per_token
    return max(length, min(share, most))
