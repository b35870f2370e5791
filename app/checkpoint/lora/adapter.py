"""Reads a LoRA adapter: which of the base model's tensors it replaces, and to which it adds.

Uses names and shapes only, so every mismatch with the base model is found before weights are
loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, HEAD
from app.checkpoint.lora.checks import KeysByKind, check_modules, check_shapes, classify_keys
from app.checkpoint.lora.settings import LoraSettings, read_lora_settings
from app.checkpoint.pickle_header import read_pickle_header
from app.checkpoint.safe_open import file_exists
from app.checkpoint.safetensors_index import TensorIndex, read_header
from app.checkpoint.vocabulary import TrainedRows

SAFETENSORS = "adapter_model.safetensors"
PICKLE = "adapter_model.bin"


@dataclass(frozen=True, slots=True)
class LoraDelta:
    """The update scale · B A of one matrix. For an embedding it is transposed."""

    a: str  #: key in the adapter's file
    b: str
    scale: float


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter that has been checked against the model it is merged into."""

    settings: LoraSettings
    tensors: TensorIndex  #: the adapter's tensors by key
    pickled: bool
    replaced: Mapping[str, str]  #: the base model's tensor name to the key that replaces it
    deltas: Mapping[str, LoraDelta]  #: the base model's tensor name to its update
    rows: TrainedRows  #: of the vocabulary, with this adapter merged

    def changes(self, name: str) -> bool:
        """Whether it changes the base model's tensor `name`."""
        return name in self.replaced or name in self.deltas

    @property
    def saves_vocabulary(self) -> bool:
        """Whether it replaces the embedding."""
        return EMBEDDING in self.replaced


def read_lora(
    directory: Path, model: ModelConfig, rows: TrainedRows, *, allow_pickle: bool
) -> Lora:
    """The LoRA in `directory`, checked against `model`, whose vocabulary has `rows` so far.

    Raises:
        StartupError: it cannot be read, or does not match the model.
    """
    settings = read_lora_settings(directory)
    tensors, pickled = _read_tensors(directory, allow_pickle)
    keys = classify_keys(settings, tensors)
    replaced = {name: key for name, (_, key) in keys.saved.items()}
    rows = _rows_after(settings, tensors, keys, rows, model.tied_head)
    check_modules(settings, tensors, keys, model)
    check_shapes(settings, tensors, keys, model, rows)
    deltas = {
        f"{module}.weight": LoraDelta(pair[0], pair[1], settings.scale_of(module))
        for module, pair in keys.pairs.items()
    }
    return Lora(settings, tensors, pickled, replaced, deltas, rows)


def untie_lm_head(model: ModelConfig, loras: tuple[Lora, ...]) -> ModelConfig:
    """`model` with the LoRAs merged: lm_head and embedding are no longer tied if a LoRA changes
    one of them only."""
    for lora in loras:
        saves_both = {EMBEDDING, HEAD} <= lora.replaced.keys()
        stays_tied = lora.settings.keeps_ties and not saves_both
        if not stays_tied and (lora.changes(HEAD) or lora.changes(EMBEDDING)):
            return replace(model, tied_head=False)
    return model


def _read_tensors(directory: Path, allow_pickle: bool) -> tuple[TensorIndex, bool]:
    path = directory / SAFETENSORS
    if file_exists(path):
        return TensorIndex(directory, read_header(path)), False
    path = directory / PICKLE
    if not file_exists(path):
        raise StartupError(
            f"{directory} holds no adapter: neither {SAFETENSORS} nor {PICKLE} (which is fetched "
            "from the Hub only with --allow_pickle)"
        )
    if not allow_pickle:
        raise StartupError(
            f"{path} is refused: pickles run code when they are loaded; pass --allow_pickle if "
            f"you trust its source, or rewrite it once: python wsgi.py convert {directory} OUT"
        )
    return TensorIndex(directory, read_pickle_header(path)), True


def _rows_after(
    settings: LoraSettings, tensors: TensorIndex, keys: KeysByKind, rows: TrainedRows, tied: bool
) -> TrainedRows:
    """Rows of embedding and lm_head after the adapter's modules_to_save have replaced them."""

    def saved(name: str, now: int) -> int:
        if name not in keys.saved:
            return now
        key = keys.saved[name][1]
        shape = tensors[key].shape
        if len(shape) == 2 and shape[0] < now:
            raise StartupError(
                f"{tensors[key].file}: {key!r} has {shape[0]} rows, but the vocabulary of the "
                f"model it is applied to has {now}; {settings.made_for}: pass that as --base_model"
            )
        return shape[0] if shape else now

    result = TrainedRows(saved(EMBEDDING, rows.embedding), saved(HEAD, rows.head))
    if tied and settings.keeps_ties and HEAD not in keys.saved:
        result = TrainedRows(result.embedding, result.embedding)
    if {EMBEDDING, HEAD} <= keys.saved.keys() and result.embedding != result.head:
        raise StartupError(
            f"{settings.directory}: its embed_tokens has {result.embedding} rows and its lm_head "
            f"{result.head}: they are of two different vocabularies; save the LoRA again"
        )
    return result
