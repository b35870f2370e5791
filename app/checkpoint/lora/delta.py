"""What a LoRA does to each tensor of a base model: replace it, add to it, or nothing.

Knows nothing about torch or the tensors' values; works from names and shapes, so that every
disagreement with the base model is found before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, HEAD
from app.checkpoint.lora.checks import Parts, check_modules, check_pairs, read_parts
from app.checkpoint.lora.settings import LoraSettings, read_lora_settings
from app.checkpoint.pickle_header import read_pickle_header
from app.checkpoint.safe_open import is_there
from app.checkpoint.safetensors_index import TensorIndex, read_header
from app.checkpoint.vocabulary import Rows

SAFETENSORS = "adapter_model.safetensors"
PICKLE = "adapter_model.bin"


@dataclass(frozen=True, slots=True)
class Delta:
    """W + scale · B A. Of an embedding, A and B are stored the other way round."""

    a: str  #: key in the adapter's file
    b: str
    scale: float


@dataclass(frozen=True, slots=True)
class Lora:
    """One adapter that fits the model it is applied to."""

    settings: LoraSettings
    tensors: TensorIndex  #: the adapter's own, by key
    pickled: bool
    replaced: Mapping[str, str]  #: the base model's tensor name to a key
    deltas: Mapping[str, Delta]  #: the base model's tensor name to what is added to it
    rows: Rows  #: of the vocabulary, once it is applied

    def changes(self, name: str) -> bool:
        """True when the base model's tensor `name` does not stay as it is."""
        return name in self.replaced or name in self.deltas

    @property
    def saves_vocabulary(self) -> bool:
        """True when it brings embeddings of its own."""
        return EMBEDDING in self.replaced


def read_lora(directory: Path, model: ModelConfig, rows: Rows, *, allow_pickle: bool) -> Lora:
    """The LoRA in `directory`, checked against `model`, whose vocabulary now has `rows`.

    Raises:
        StartupError: it cannot be read, or does not fit.
    """
    settings = read_lora_settings(directory)
    tensors, pickled = _read_tensors(directory, allow_pickle)
    parts = read_parts(settings, tensors)
    replaced = {name: key for name, (_, key) in parts.saved.items()}
    rows = _rows_after(settings, tensors, parts, rows, model.tied_head)
    check_modules(settings, tensors, parts, model)
    check_pairs(settings, tensors, parts, model, rows)
    deltas = {
        f"{module}.weight": Delta(pair[0], pair[1], settings.scale_of(module))
        for module, pair in parts.pairs.items()
    }
    return Lora(settings, tensors, pickled, replaced, deltas, rows)


def untied(model: ModelConfig, loras: tuple[Lora, ...]) -> ModelConfig:
    """`model` as it is with the LoRAs: its head is the embedding no longer once one of them
    changes either without the other."""
    for lora in loras:
        both = {EMBEDDING, HEAD} <= lora.replaced.keys()
        same = lora.settings.keeps_ties and not both
        if not same and (lora.changes(HEAD) or lora.changes(EMBEDDING)):
            return replace(model, tied_head=False)
    return model


def _read_tensors(directory: Path, allow_pickle: bool) -> tuple[TensorIndex, bool]:
    found = directory / SAFETENSORS
    if is_there(found):
        return TensorIndex(directory, read_header(found)), False
    found = directory / PICKLE
    if not is_there(found):
        raise StartupError(
            f"{directory} holds no adapter: neither {SAFETENSORS} nor {PICKLE} (which is fetched "
            "from the Hub only with --allow_pickle)"
        )
    if not allow_pickle:
        raise StartupError(
            f"{found} is refused: pickles run code when they are loaded; pass --allow_pickle if "
            f"you trust its source, or rewrite it once: python wsgi.py convert {directory} OUT"
        )
    return TensorIndex(directory, read_pickle_header(found)), True


def _rows_after(
    settings: LoraSettings, tensors: TensorIndex, parts: Parts, rows: Rows, tied: bool
) -> Rows:
    """Rows of embedding and head once those that the adapter stores whole are in place."""

    def saved(name: str, now: int) -> int:
        if name not in parts.saved:
            return now
        key = parts.saved[name][1]
        shape = tensors[key].shape
        if len(shape) == 2 and shape[0] < now:
            raise StartupError(
                f"{tensors[key].file}: {key!r} has {shape[0]} rows, but the vocabulary of the "
                f"model it is applied to has {now}; {settings.made_for}: pass that as --base_model"
            )
        return shape[0] if shape else now

    found = Rows(saved(EMBEDDING, rows.embedding), saved(HEAD, rows.head))
    if tied and settings.keeps_ties and HEAD not in parts.saved:
        found = Rows(found.embedding, found.embedding)
    if {EMBEDDING, HEAD} <= parts.saved.keys() and found.embedding != found.head:
        raise StartupError(
            f"{settings.directory}: its embed_tokens has {found.embedding} rows and its lm_head "
            f"{found.head}: they are of two different vocabularies; save the LoRA again"
        )
    return found
