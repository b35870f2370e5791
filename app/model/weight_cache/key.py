"""What the packed weights of a model depend on, as a key.

Panels are the same on every CPU. A merged LoRA is not: the order of the sums in its matrix product
depends on the CPU.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.checkpoint.check import CheckedModel
from app.checkpoint.fingerprint import weights_digest
from app.checkpoint.hardware.cpu_features import llvm_features
from config import Config

#: The code that reads, merges, rounds and packs weights: its hash is the version of the layout.
_APP = Path(__file__).resolve().parents[2]
_SOURCES = ("checkpoint", "model")
_LIBRARIES = ("gguf", "llvmlite", "numba", "numpy", "peft", "safetensors", "torch")


def weight_cache_key(config: Config, checked: CheckedModel) -> str:
    """32 hexadecimal digits.

    Raises:
        StartupError: a file of the model cannot be read.
    """
    digest = hashlib.sha256(weights_digest(config, checked))
    for folder in _SOURCES:
        for path in sorted((_APP / folder).rglob("*.py")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(repr([_version(library) for library in _LIBRARIES]).encode())
    if checked.loras:
        digest.update(repr(llvm_features()).encode())
    return digest.hexdigest()[:32]


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
