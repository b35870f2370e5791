"""Builds the engine from the settings: tokenizer, weights, runner, sampler.

Importing this module is cheap: torch is imported later, on the engine's thread.
"""

from __future__ import annotations

import gc
import os
import time

from app.checkpoint.check import CheckedModel
from app.checkpoint.fingerprint import fingerprint, precision
from app.checkpoint.hardware.cpu_count import cpu_count
from app.checkpoint.hardware.cpu_features import torch_environment
from app.engine.async_engine import AsyncEngine
from app.engine.loaded_model import LoadedModel
from app.engine.model_info import ModelFacts, ModelInfo
from app.model.threads import limit_openmp_spin
from app.prompts.template_selection import check_tokenizer_template
from app.tokenizer.chinese import supports_chinese
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer
from config import Config


def build_engine(
    config: Config, checked: CheckedModel, tokenizer: Tokenizer | None = None
) -> AsyncEngine:
    """An engine that will load `checked` when it is started. tokenizer: that of `checked`, if it
    is loaded already."""
    return AsyncEngine(
        lambda: load(config, checked, tokenizer),
        config.MAX_IN_FLIGHT,
        max_per_owner=config.MAX_PER_KEY,
    )


def load(config: Config, checked: CheckedModel, tokenizer: Tokenizer | None = None) -> LoadedModel:
    """Load tokenizer and weights, and check and profile the runner. tokenizer: see
    `build_engine`.

    Raises:
        StartupError: a file cannot be read, tokenizer and weights do not match, or memory is
            too small.
    """
    limit_openmp_spin()
    for name, value in torch_environment().items():
        os.environ.setdefault(name, value)
    from app.model.batch_invariance import batch_variant_kernel
    from app.model.cpu_backend import describe_kernels
    from app.model.loading.load import load_runner, max_model_len  # torch: seconds to import
    from app.model.loading.storage import describe_storage
    from app.model.sampling.sampler import TorchSampler
    from app.model.step_profile import profile_steps

    gc.enable()  # `wsgi.py` has disabled it for the imports
    tokenizer = tokenizer or load_tokenizer(checked.tokenizer_source)
    if config.CHAT_TEMPLATE is None:  # compile it now, not at the first request
        check_tokenizer_template(tokenizer, checked.tokenizer_directory)
    runner, kv_cache_tokens = load_runner(config, checked, tokenizer.vocab_size)
    kernels = None if checked.gpus else describe_kernels(runner.decoder)
    steps: list[tuple[int, float]] = []
    variant = batch_variant_kernel(runner, steps.append)
    cached = str(runner.kv_cache_dtype).removeprefix("torch.")
    length = max_model_len(config, checked)
    stored = describe_storage(config, checked, runner.weights)
    info = _info(config, checked, tokenizer, length, cached, kernels, variant, stored)
    eos_ids = frozenset((*checked.model.eos_ids, *tokenizer.eos_ids))
    times = profile_steps(runner, steps)
    return LoadedModel(runner, TorchSampler(), tokenizer, eos_ids, kv_cache_tokens, info, times)


def _info(
    config: Config,
    checked: CheckedModel,
    tokenizer: Tokenizer,
    length: int,
    cached: str,
    kernels: str | None,
    variant: str | None,
    stored: str,
) -> ModelInfo:
    """cached: dtype of the KV cache; kernels: which kernels compute, None on a GPU; variant: the
    kernel that is not batch-invariant, None if all are; stored: how quantized weights are
    stored, else ""."""
    dtype = precision(config, checked)
    loras = " + ".join(["", *(lora.settings.directory.name for lora in checked.loras)])
    weights = checked.memory.weights / 2**30
    compute = "" if kernels is None else f", {kernels}, {cpu_count().describe(config.THREADS)}"
    return ModelInfo(
        max_model_len=length,
        hidden_size=checked.model.hidden_size,
        vocab_size=tokenizer.vocab_size,
        chat_template=tokenizer.chat_template,
        tool_chat_template=tokenizer.tool_chat_template,
        bos_text=tokenizer.bos_text,
        eos_text=tokenizer.eos_text,
        named_tokens=tokenizer.named_tokens,
        special_texts=tokenizer.special_texts,
        special_ids=tokenizer.special_ids,
        token_bytes=tokenizer.token_bytes,
        description=f"{checked.model.architecture}{loras}, {dtype} on {checked.device}, "
        f"{stored and stored + ', '}{weights:.2f} GiB, KV cache in {cached}{compute}, "
        f"batch_invariant={'yes' if variant is None else 'no'}",
        facts=ModelFacts(
            architecture=checked.model.architecture,
            parameters=checked.parameters,
            precision=dtype,
            device=checked.device,
            kernels=(kernels or "").partition(" (")[0].removesuffix(" kernels"),
            threads=0 if kernels is None else config.THREADS or cpu_count().threads,
            chinese=supports_chinese(tokenizer.token_bytes, tokenizer.chat_template),
            batch_invariant=variant is None,
            batch_variant_kernel=variant or "",
        ),
        loaded_at=int(time.time()),
        sampling_defaults=checked.sampling_defaults,
        fingerprint=fingerprint(config, checked),
    )
