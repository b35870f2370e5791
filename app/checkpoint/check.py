"""Checks a model directory, its LoRAs and its tokenizer before torch is imported.

The loader uses the result and does not check again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.dtypes import kv_cache_dtype
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, check_tensors, expected_shapes
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.gpu_selection import select_gpus
from app.checkpoint.hub import local_directory
from app.checkpoint.lora.adapter import Lora, read_lora, untie_lm_head
from app.checkpoint.lora.settings import ADAPTER_CONFIG
from app.checkpoint.memory import MemoryTable, check_memory, memory_table
from app.checkpoint.ntk_scaling import scale_rope
from app.checkpoint.safetensors_index import TensorIndex, read_index
from app.checkpoint.tokenizer_selection import select_tokenizer
from app.checkpoint.vocabulary import TrainedRows, VocabSize, Vocabulary, check_vocabulary
from config import Config

_DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


#: Counts the tokens of the tokenizer in a directory.
ReadVocabSize = Callable[[Path], VocabSize]


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model directory whose files match each other and fit this machine."""

    directory: Path
    tokenizer_directory: Path
    #: with the LoRAs merged, but with the base model's vocab_size; `dtype` is never "": without
    #: one in config.json it is the embedding's
    model: ModelConfig
    tied_base: bool  #: the base model's lm_head is its embedding, before LoRAs
    tensors: TensorIndex  #: the base model's; empty for pickles
    loras: tuple[Lora, ...]  #: in the order they are applied
    vocabulary: Vocabulary
    gpus: tuple[int, ...]  #: the GPUs to use; empty: the CPU
    kv_cache_dtype: str  #: float32, float16 or bfloat16
    memory: MemoryTable

    @property
    def pickled(self) -> bool:
        """True when the base weights are pickles, allowed by --allow_pickle."""
        return not len(self.tensors)

    @property
    def parameters(self) -> int:
        """The parameter count, by the architecture's shapes."""
        return sum(math.prod(shape) for shape in expected_shapes(self.model).values())

    @property
    def gpu(self) -> int | None:
        """The first GPU; None: the CPU."""
        return self.gpus[0] if self.gpus else None

    @property
    def device(self) -> str:
        """The model's device as text: "CPU", "GPU 0", "GPUs 0, 1"."""
        if not self.gpus:
            return "CPU"
        return ("GPU " if len(self.gpus) == 1 else "GPUs ") + ", ".join(map(str, self.gpus))


def check_model(config: Config, read_vocab_size: ReadVocabSize | None = None) -> CheckedModel:
    """Read and check everything about the configured model but the weights themselves.

    read_vocab_size: None assumes that the tokenizer has the model's vocabulary.

    Raises:
        StartupError: a file is wrong, files do not match, or the model does not fit.
    """
    checked = check_without_memory(config, read_vocab_size)
    check_memory(checked.memory, checked.device)
    return checked


def check_without_memory(
    config: Config, read_vocab_size: ReadVocabSize | None = None
) -> CheckedModel:
    """As `check_model`, but without the check that the model fits into memory."""
    directory, model, tensors = _base(config)
    model = scale_rope(model, config.ALPHA)
    _check_length(config, model)
    gpus, all_gpus = select_gpus(config)
    loras = _loras(config, model)
    tokenizer = select_tokenizer(config, directory, loras)
    vocabulary = _vocabulary(model, loras, tokenizer, read_vocab_size)
    result = untie_lm_head(model, loras)
    cached = kv_cache_dtype(config, model, gpus)
    memory = memory_table(
        result,
        tensors,
        kv_cache_mb=config.KV_CACHE_MB,
        kv_cache_dtype=cached,
        available=sum(all_gpus.total_bytes[gpu] for gpu in gpus) if gpus else available_bytes(),
        weight_bytes=(4 if config.DTYPE == "float32" else 2) if gpus else None,
        eight_bit=config.LOAD_IN_8BIT,
        loras=loras,
        rows=vocabulary.rows,
        positions=config.MAX_MODEL_LEN or model.max_positions,
    )
    _check_pool(config, model, memory)
    return CheckedModel(
        directory,
        tokenizer,
        result,
        model.tied_head,
        tensors,
        loras,
        vocabulary,
        gpus,
        cached,
        memory,
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
        check_tensors(model, tensors)
    if not model.dtype:
        dtype = _DTYPE_NAMES[tensors[EMBEDDING].dtype] if len(tensors) else "float32"
        model = replace(model, dtype=dtype)
    return directory, model, tensors


def _loras(config: Config, model: ModelConfig) -> tuple[Lora, ...]:
    loras: list[Lora] = []
    rows = TrainedRows(model.vocab_size, model.vocab_size)
    for name in config.LORA_MODEL:
        directory = local_directory(name, "--lora_model", allow_pickle=config.ALLOW_PICKLE)
        loras.append(read_lora(directory, model, rows, allow_pickle=config.ALLOW_PICKLE))
        rows = loras[-1].rows
    return tuple(loras)


def _vocabulary(
    model: ModelConfig,
    loras: tuple[Lora, ...],
    tokenizer: Path,
    read_vocab_size: ReadVocabSize | None,
) -> Vocabulary:
    rows = loras[-1].rows if loras else TrainedRows(model.vocab_size, model.vocab_size)
    vocab_size = read_vocab_size(tokenizer) if read_vocab_size else VocabSize(rows.embedding, 0)
    ids = frozenset(token for lora in loras for token in lora.settings.token_ids)
    vocabulary = Vocabulary(model.vocab_size, rows, vocab_size.total, ids)
    savers = [lora.settings.directory for lora in loras if lora.saves_vocabulary]
    directories = tuple(lora.settings.directory for lora in loras)
    check_vocabulary(
        vocabulary, vocab_size.text, tokenizer, directories, savers[-1] if savers else None
    )
    return vocabulary


def _check_length(config: Config, model: ModelConfig) -> None:
    max_len = int(model.max_context * max(config.ALPHA, 1.0))
    if config.MAX_MODEL_LEN is not None and config.MAX_MODEL_LEN > max_len:
        raise StartupError(
            f"--max_model_len is {config.MAX_MODEL_LEN}, but the model was made for {max_len} "
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
