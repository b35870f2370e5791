"""The model's fingerprint: a hash of its configuration files and of samples of its weights.

Two models have the same fingerprint only if all sampled bytes are equal; a training changes nearly
every byte.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from app.checkpoint.check import CheckedModel
from app.checkpoint.dtypes import compute_dtype, kv_cache_dtype, quantized_rounding
from app.checkpoint.errors import StartupError
from app.checkpoint.quantization.scheme import stored_in
from app.checkpoint.safe_open import file_exists, open_file
from app.version import VERSION
from config import Config

SAMPLES = 64
SAMPLE_BYTES = 64 * 1024
#: Files of a base model, a LoRA or a tokenizer that affect the output; hashed completely.
_DESCRIPTIONS = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "quantize_config.json",
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/default.jinja",
    "additional_chat_templates/tool_use.jinja",
)
_PICKLES = "pytorch_model*.bin"


def fingerprint(config: Config, checked: CheckedModel) -> str:
    """Version, model and precision: `westlake-VERSION-1f3a5c7e9b2d-float32`.

    Raises:
        StartupError: a file cannot be read.
    """
    digest = hashlib.sha256(f"alpha {config.ALPHA!r}".encode())
    usual = replace(config, KV_CACHE_DTYPE="auto")
    if checked.kv_cache_dtype != kv_cache_dtype(usual, checked.model, checked.gpus):
        digest.update(f"KV cache in {checked.kv_cache_dtype}".encode())
    if checked.quantization and (rounded := quantized_rounding(config, checked.gpus)):
        digest.update(f"weights in {rounded}".encode())
    directories = (*_model_directories(checked), checked.tokenizer_directory)
    _add_descriptions(digest, checked, directories)
    for path in _weights(checked):
        _add_sampled(digest, path)
    return f"westlake-{VERSION}-{digest.hexdigest()[:12]}-{precision(config, checked)}"


def weights_digest(config: Config, checked: CheckedModel) -> bytes:
    """A hash of what decides the loaded weights. Unlike the fingerprint it contains when their
    files were written: what is between two samples could have been edited.

    Raises:
        StartupError: a file cannot be read.
    """
    rounded = quantized_rounding(config, checked.gpus) if checked.quantization else None
    settings = (precision(config, checked), rounded, checked.vocabulary.rows)
    digest = hashlib.sha256(f"{VERSION} {settings!r}".encode())
    _add_descriptions(digest, checked, _model_directories(checked))
    for path in _weights(checked):
        _add_sampled(digest, path)
        digest.update(f"{path.stat().st_mtime_ns}".encode())
    return digest.digest()


def precision(config: Config, checked: CheckedModel) -> str:
    """The precision as text: "8-bit", "4-bit", "float32", "float16" or "bfloat16"."""
    if config.weight_bits:
        return f"{config.weight_bits}-bit"
    return compute_dtype(config, checked.model, checked.gpus)


def _model_directories(checked: CheckedModel) -> tuple[Path, ...]:
    return checked.directory, *(lora.settings.directory for lora in checked.loras)


def _add_descriptions(
    digest: hashlib._Hash, checked: CheckedModel, directories: Iterable[Path]
) -> None:
    for directory in dict.fromkeys(directories):
        if directory in checked.gguf_files:
            header_bytes = checked.gguf_files[directory].header_bytes
            _add(digest, directory, _read_chunks(directory, header_bytes))
            continue
        for path in (directory / name for name in _DESCRIPTIONS):
            if file_exists(path):
                _add(digest, path, _read_chunks(path))


def _weights(checked: CheckedModel) -> list[Path]:
    """All weight files without duplicates: the base model's by name, then each LoRA's."""
    indexes = (checked.tensors, *(lora.tensors for lora in checked.loras))
    files: list[Path] = []
    if checked.pickled:
        files += sorted(checked.directory.glob(_PICKLES))
    for index in indexes:
        stored = (part for tensor in index.tensors.values() for part in stored_in(tensor))
        files += sorted({part.file for part in stored})
    return files


def _add(digest: hashlib._Hash, path: Path, parts: Iterable[bytes]) -> None:
    """Add a file's name and digest, so that the border between two files is part of the hash."""
    _add_digest(digest, path, _digest(parts))


def _add_sampled(digest: hashlib._Hash, path: Path) -> None:
    """As `_add`, with the samples of a file. Read once while it does not change: of a 7 B they are
    140 MB, and a start with --cache_dir needs them twice."""
    try:
        status = path.stat()
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from None
    _add_digest(digest, path, _sampled(path, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache
def _sampled(path: Path, inode: int, size: int, mtime_ns: int) -> bytes:
    """The digest of a file's samples. What follows the path tells that the file has changed."""
    return _digest(_samples(path))


def _digest(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _add_digest(digest: hashlib._Hash, path: Path, file_digest: bytes) -> None:
    digest.update(path.name.encode("utf-8", "surrogateescape") + b"\0" + file_digest)


def _read_chunks(path: Path, limit: int = 2**63) -> Iterator[bytes]:
    with open_file(path) as file:
        while part := file.read(min(1 << 20, limit)):
            limit -= len(part)
            yield part


def _samples(path: Path) -> Iterator[bytes]:
    """The file's size, and SAMPLES evenly spaced samples; together all of a small file."""
    with open_file(path) as file:
        try:
            size = file.seek(0, 2)
            yield f"{size}".encode()
            last = max(size - SAMPLE_BYTES, 0)
            offsets = list(dict.fromkeys(last * n // (SAMPLES - 1) for n in range(SAMPLES)))
            if hasattr(os, "posix_fadvise"):  # so that a disk reads all of them at once
                for offset in offsets:
                    os.posix_fadvise(file.fileno(), offset, SAMPLE_BYTES, os.POSIX_FADV_WILLNEED)
            for offset in offsets:
                file.seek(offset)
                yield file.read(SAMPLE_BYTES)
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {error.strerror}") from None
