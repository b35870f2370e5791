"""Checks a model directory as a whole before anything heavy is imported.

Knows nothing about torch; the loader takes its result and need not check again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, check_layout, expected_shapes
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.gpu_selection import choose_gpus
from app.checkpoint.hub import local_directory
from app.checkpoint.lora.delta import Lora, read_lora, untied
from app.checkpoint.lora.settings import ADAPTER_CONFIG
from app.checkpoint.memory import MemoryTable, check_memory, memory_table
from app.checkpoint.ntk_scaling import scale_rope
from app.checkpoint.safetensors_index import TensorIndex, read_index
from app.checkpoint.tokenizer_choice import choose_tokenizer
from app.checkpoint.vocabulary import Rows, TokenCount, Vocabulary, check_vocabulary
from config import Config

_DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


#: how many tokens the tokenizer in a directory has
CountTokens = Callable[[Path], TokenCount]


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model directory whose files agree with one another and fit this machine."""

    directory: Path
    tokenizer_directory: Path
    #: as the LoRAs leave it, but for its vocab_size; its `dtype` is never "": the embedding's
    #: where config.json is silent
    model: ModelConfig
    tied_base: bool  #: the base model's head is its embedding, whatever the LoRAs do
    tensors: TensorIndex  #: the base model's; empty for pickles
    loras: tuple[Lora, ...]  #: in the order they are applied
    vocabulary: Vocabulary
    gpus: tuple[int, ...]  #: the GPUs to use; empty: the CPU
    memory: MemoryTable

    @property
    def pickled(self) -> bool:
        """True when the base weights are pickles, allowed by --allow_pickle."""
        return not len(self.tensors)

    @property
    def parameters(self) -> int:
        """How many numbers the model is made of, as its architecture says."""
        return sum(math.prod(shape) for shape in expected_shapes(self.model).values())

    @property
    def gpu(self) -> int | None:
        """The first GPU; None: the CPU."""
        return self.gpus[0] if self.gpus else None

    @property
    def device(self) -> str:
        """Where the model is, in words."""
        if not self.gpus:
            return "CPU"
        return ("GPU " if len(self.gpus) == 1 else "GPUs ") + ", ".join(map(str, self.gpus))


def check_model(config: Config, count_tokens: CountTokens | None = None) -> CheckedModel:
    """Read and check everything about the model that `config` names, but its weights.

    count_tokens: None: the tokenizer counts as having the model's vocabulary.

    Raises:
        StartupError: what is wrong, in one line.
    """
    checked = examine(config, count_tokens)
    check_memory(checked.memory, checked.device)
    return checked


def examine(config: Config, count_tokens: CountTokens | None = None) -> CheckedModel:
    """As `check_model`, without looking whether it fits into memory."""
    directory, model, tensors = _base(config)
    model = scale_rope(model, config.ALPHA)
    _check_length(config, model)
    gpus, found = choose_gpus(config)
    loras = _loras(config, model)
    tokenizer = choose_tokenizer(config, directory, loras)
    vocabulary = _vocabulary(model, loras, tokenizer, count_tokens)
    result = untied(model, loras)
    memory = memory_table(
        result,
        tensors,
        kv_cache_mb=config.KV_CACHE_MB,
        available=sum(found.total_bytes[gpu] for gpu in gpus) if gpus else available_bytes(),
        weight_bytes=(4 if config.DTYPE == "float32" else 2) if gpus else None,
        eight_bit=config.LOAD_IN_8BIT,
        loras=loras,
        rows=vocabulary.rows,
        positions=config.MAX_MODEL_LEN or model.max_positions,
    )
    _check_pool(config, model, memory)
    return CheckedModel(
        directory, tokenizer, result, model.tied_head, tensors, loras, vocabulary, gpus, memory
    )


def _base(config: Config) -> tuple[Path, ModelConfig, TensorIndex]:
    directory = local_directory(config.BASE_MODEL, "--base_model", allow_pickle=config.ALLOW_PICKLE)
    if (directory / ADAPTER_CONFIG).is_file() and not (directory / "config.json").is_file():
        raise StartupError(
            f"--base_model {directory} holds a LoRA: pass it as --lora_model, and the model it was "
            "made for as --base_model"
        )
    model = read_config(directory)
    tensors = read_index(directory, allow_pickle=config.ALLOW_PICKLE)
    if len(tensors):
        check_layout(model, tensors)
    if not model.dtype:
        dtype = _DTYPE_NAMES[tensors[EMBEDDING].dtype] if len(tensors) else "float32"
        model = replace(model, dtype=dtype)
    return directory, model, tensors


def _loras(config: Config, model: ModelConfig) -> tuple[Lora, ...]:
    loras: list[Lora] = []
    rows = Rows(model.vocab_size, model.vocab_size)
    for name in config.LORA_MODEL:
        directory = local_directory(name, "--lora_model", allow_pickle=config.ALLOW_PICKLE)
        loras.append(read_lora(directory, model, rows, allow_pickle=config.ALLOW_PICKLE))
        rows = loras[-1].rows
    return tuple(loras)


def _vocabulary(
    model: ModelConfig,
    loras: tuple[Lora, ...],
    tokenizer: Path,
    count_tokens: CountTokens | None,
) -> Vocabulary:
    rows = loras[-1].rows if loras else Rows(model.vocab_size, model.vocab_size)
    tokens = count_tokens(tokenizer) if count_tokens else TokenCount(rows.embedding, 0)
    ids = frozenset(token for lora in loras for token in lora.settings.token_ids)
    vocabulary = Vocabulary(model.vocab_size, rows, tokens.all, ids)
    savers = [lora.settings.directory for lora in loras if lora.saves_vocabulary]
    directories = tuple(lora.settings.directory for lora in loras)
    check_vocabulary(
        vocabulary, tokens.text, tokenizer, directories, savers[-1] if savers else None
    )
    return vocabulary


def _check_length(config: Config, model: ModelConfig) -> None:
    longest = int(model.reach * max(config.ALPHA, 1.0))
    if config.MAX_MODEL_LEN is not None and config.MAX_MODEL_LEN > longest:
        raise StartupError(
            f"--max_model_len is {config.MAX_MODEL_LEN}, but the model was made for {longest} "
            "tokens; pass at most that"
        )


def _check_pool(config: Config, model: ModelConfig, memory: MemoryTable) -> None:
    length = config.MAX_MODEL_LEN or model.max_positions
    if config.KV_CACHE_MB and memory.kv_pool < length * memory.kv_bytes_per_token:
        tokens = memory.kv_pool // memory.kv_bytes_per_token
        needed = -(-length * memory.kv_bytes_per_token // 2**20)
        raise StartupError(
            f"--kv_cache_mb {config.KV_CACHE_MB} holds {tokens} tokens, fewer than one context of "
            f"{length}: pass at least {needed}, or a smaller --max_model_len"
        )
