"""Checks a model directory, its LoRAs and its tokenizer before torch is imported.

The loader uses the result and does not check again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.cache_dir import check_cache_dir
from app.checkpoint.config import ModelConfig
from app.checkpoint.dtypes import check_weight_bits, kv_cache_dtype, quantized_rounding
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import check_tensors, expected_shapes
from app.checkpoint.generation_config import read_generation_config
from app.checkpoint.gguf.gguf_file import GgufFile, read_gguf
from app.checkpoint.gguf.hf_config import generation_values
from app.checkpoint.gguf.model_config import read_model_config
from app.checkpoint.gguf.tensors import tensor_index
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.gpu_selection import select_gpus
from app.checkpoint.hf_directory import read_directory
from app.checkpoint.hub import local_directory, local_model
from app.checkpoint.json_file import Fields
from app.checkpoint.lora.adapter import Lora, read_lora, untie_lm_head
from app.checkpoint.lora.settings import ADAPTER_CONFIG
from app.checkpoint.memory import MemoryTable, check_memory, memory_table
from app.checkpoint.ntk_scaling import scale_rope
from app.checkpoint.safetensors_index import TensorIndex, matrix_elements
from app.checkpoint.sampling_defaults import parse_sampling_defaults
from app.checkpoint.tokenizer_selection import select_tokenizer
from app.checkpoint.vocabulary import TrainedRows, VocabSize, Vocabulary, check_vocabulary
from config import Config

#: Counts the tokens of the tokenizer in a directory or a GGUF file.
ReadVocabSize = Callable[[Path | GgufFile], VocabSize]


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model whose files match each other and fit this machine."""

    directory: Path  #: of the base model; or the GGUF file
    tokenizer_directory: Path  #: or a GGUF file
    #: with the LoRAs merged, but with the base model's vocab_size; `dtype` is never "": without
    #: one in config.json it is the embedding's
    model: ModelConfig
    tied_base: bool  #: the base model's lm_head is its embedding, before LoRAs
    tensors: TensorIndex  #: the base model's; empty for pickles
    quantization: str  #: "GGUF", "compressed-tensors" or "GPTQ"; "" for a plain directory
    loras: tuple[Lora, ...]  #: in the order they are applied
    vocabulary: Vocabulary
    gpus: tuple[int, ...]  #: the GPUs to use; empty: the CPU
    kv_cache_dtype: str  #: float32, float16 or bfloat16
    memory: MemoryTable
    #: Of fields that a request does not give, by name; empty unless --generation_config is auto.
    sampling_defaults: Mapping[str, float]
    gguf_files: Mapping[Path, GgufFile]  #: those of the paths above that are GGUF files, as read

    @property
    def pickled(self) -> bool:
        """True when the base weights are pickles, allowed by --allow_pickle."""
        return not len(self.tensors)

    @property
    def gguf(self) -> bool:
        """True when the base model is a GGUF file."""
        return self.directory.is_file()

    @property
    def tokenizer_source(self) -> Path | GgufFile:
        """The tokenizer's directory, or its GGUF file as read."""
        return self.gguf_files.get(self.tokenizer_directory, self.tokenizer_directory)

    @property
    def type_shares(self) -> dict[str, float]:
        """The share of each tensor type in the elements of the matrices, the largest first."""
        elements = matrix_elements(self.tensors.tensors.values())
        return {kind: count / elements.total() for kind, count in elements.most_common()}

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
    if config.CACHE_DIR is not None:
        check_cache_dir(Path(config.CACHE_DIR))
    directory = local_model(config.BASE_MODEL, "--base_model", allow_pickle=config.ALLOW_PICKLE)
    gguf = read_gguf(directory) if directory.is_file() else None
    model, tensors, generation, quantization = (
        _gguf(gguf) if gguf else _directory(config, directory)
    )
    model = scale_rope(model, config.ALPHA)
    _check_length(config, model)
    gpus, all_gpus = select_gpus(config, quantized=bool(quantization))
    check_weight_bits(config, gpus)
    loras = _loras(config, model)
    if quantization:
        _refuse_unusual_loras(directory, quantization, loras)
    tokenizer = select_tokenizer(config, directory, loras)
    gguf_files = {directory: gguf} if gguf else {}
    if tokenizer.is_file() and tokenizer != directory:
        gguf_files[tokenizer] = read_gguf(tokenizer)
    vocabulary = _vocabulary(
        model, loras, tokenizer, gguf_files.get(tokenizer, tokenizer), read_vocab_size
    )
    result = untie_lm_head(model, loras)
    cached = kv_cache_dtype(config, model, gpus)
    memory = memory_table(
        result,
        tensors,
        kv_cache_mb=config.KV_CACHE_MB,
        kv_cache_dtype=cached,
        available=sum(all_gpus.total_bytes[gpu] for gpu in gpus) if gpus else available_bytes(),
        weight_bytes=(4 if config.DTYPE == "float32" else 2) if gpus else None,
        wide_bytes=2 if quantization and quantized_rounding(config, gpus) else 4,
        weight_bits=config.weight_bits,
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
        quantization,
        loras,
        vocabulary,
        gpus,
        cached,
        memory,
        parse_sampling_defaults(generation) if config.GENERATION_CONFIG == "auto" else {},
        gguf_files,
    )


def _gguf(gguf: GgufFile) -> tuple[ModelConfig, TensorIndex, Fields, str]:
    """The base model's config and its tensors, what would be its generation_config.json, and how
    it is quantized."""
    model, tensors = read_model_config(gguf), tensor_index(gguf)
    check_tensors(model, tensors)
    return model, tensors, Fields(generation_values(gguf), str(gguf.path)), "GGUF"


def _directory(config: Config, directory: Path) -> tuple[ModelConfig, TensorIndex, Fields, str]:
    if (directory / ADAPTER_CONFIG).is_file() and not (directory / "config.json").is_file():
        raise StartupError(
            f"--base_model {directory} holds a LoRA: pass it as --lora_model, and the model it was "
            "made for as --base_model"
        )
    model, tensors, quantization = read_directory(directory, allow_pickle=config.ALLOW_PICKLE)
    method = quantization.method if quantization else ""
    return model, tensors, read_generation_config(directory), method


def _refuse_unusual_loras(path: Path, quantization: str, loras: tuple[Lora, ...]) -> None:
    """Raise StartupError for a LoRA that only peft can merge: it needs transformers' model."""
    for lora in loras:
        if lora.settings.unusual:
            raise StartupError(
                f"the LoRA in {lora.settings.directory} has {lora.settings.unusual}, which cannot "
                f"be merged into {quantization} weights: python wsgi.py convert {path} OUT, then "
                "pass OUT as --base_model"
            )


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
    source: Path | GgufFile,
    read_vocab_size: ReadVocabSize | None,
) -> Vocabulary:
    """source: the tokenizer's directory, or its GGUF file as read."""
    rows = loras[-1].rows if loras else TrainedRows(model.vocab_size, model.vocab_size)
    vocab_size = read_vocab_size(source) if read_vocab_size else VocabSize(rows.embedding, 0)
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
